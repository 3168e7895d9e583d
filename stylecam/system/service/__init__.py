"""stylecam as a service of the user's session: it starts with the computer, and is started again when it fails."""
