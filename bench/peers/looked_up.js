// Session, room and user are looked up in the database for each request.
"use strict";
require("./chat").serve((load) => load);
