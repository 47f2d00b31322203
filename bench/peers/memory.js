// Session, room and user are looked up once and cached; changes elsewhere are ignored.
"use strict";
require("./chat").serve(require("./remembered").remembered);
