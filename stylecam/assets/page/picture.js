// The picture alone, for OBS: without controls, and empty while there is no picture.

import { Stream } from "./stream.js";

new Stream(document.getElementById("picture"), canvas => canvas.classList.add("seen")).start();
