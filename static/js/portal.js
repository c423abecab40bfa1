// A client's tiles.

import { Board } from "./board.js";

const root = document.querySelector("[data-role=board]");
if (root) new Board(root);
