// Looks a thing up once and caches it; changes elsewhere are ignored.
"use strict";
exports.remembered = (load) => {
    const known = new Map();
    return async (key) => {
        const there = known.get(key);
        if (there) return there;
        const found = await load(key);
        if (found) known.set(key, found);
        return found;
    };
};
