"""The web server: page, API, WebSocket, authentication, and the client of `stylecam ctl`."""
