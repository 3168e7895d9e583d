// The picture alone, for OBS: no controls, and nothing where there is no picture.

import { Stream } from "./stream.js";

new Stream(document.getElementById("picture"), canvas => canvas.classList.add("seen")).start();
