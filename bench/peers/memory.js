// Session, room and user are looked up once and cached; changes elsewhere are ignored.
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
