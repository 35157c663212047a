import { expect, test } from "vitest";
import { patched, threeWayPatch } from "../../../src/cli/three-way-merge.ts";

test.each<[string, unknown, Record<string, unknown>, unknown, object, unknown]>([
	["nothing changes", { a: 1 }, { a: 1 }, { a: 1, b: 2 }, {}, { a: 1, b: 2 }],
	["what the file says is set", undefined, { a: 2 }, { a: 1 }, { a: 2 }, { a: 2 }],
	["what the file had and has no more goes", { a: 1, b: 2 }, { a: 1 }, { a: 1, b: 2 }, { b: null }, { a: 1 }],
	["what others added stays", { a: 1 }, { a: 1 }, { a: 1, c: 3 }, {}, { a: 1, c: 3 }],
	["what is gone already is no change", { a: 1, b: 2 }, { a: 1 }, { a: 1 }, {}, { a: 1 }],
	[
		"inside objects",
		{ o: { a: 1, b: 2 } },
		{ o: { a: 3 } },
		{ o: { a: 1, b: 2, c: 4 } },
		{ o: { a: 3, b: null } },
		{ o: { a: 3, c: 4 } },
	],
	["an object that goes goes whole", { o: { a: 1 } }, {}, { o: { a: 1, c: 4 } }, { o: null }, {}],
	["lists are replaced", { l: [1, 2] }, { l: [1] }, { l: [1, 2, 3] }, { l: [1] }, { l: [1] }],
	["a new object", {}, { o: { a: 1 } }, {}, { o: { a: 1 } }, { o: { a: 1 } }],
])("%s", (_what, before, file, live, patch, result) => {
	expect(threeWayPatch(before, file, live)).toEqual(patch);
	expect(patched(live, patch)).toEqual(result);
});
