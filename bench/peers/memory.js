// Session, room and user are looked up once, and remembered; that they may change elsewhere is nobody's business here.
"use strict";
const remembered = (load) => {
    const known = new Map();
    return async (key) => {
        const there = known.get(key);
        if (there) return there;
        const found = await load(key);
        if (found) known.set(key, found);
        return found;
    };
};
require("./chat").serve(remembered);
