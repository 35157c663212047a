import { expect, test } from "vitest";
import { keptImage, operatorImage } from "../../../src/model/kept-image.ts";

const chosen = { effective: { image: "gateway:told", imageFrom: "Operator" } };
const asked = { effective: { image: "gateway:told", imageFrom: "Spec" } };
const applied = { image: "gateway:recorded" };

test.each<[string, string | undefined, unknown, unknown, string | undefined]>([
	["an operator chose it", "Operator", applied, asked, "gateway:recorded"],
	["an operator chose it, and there is no status", "Operator", applied, undefined, "gateway:recorded"],
	["an operator chose it, and the record is gone", "Operator", undefined, chosen, "gateway:told"],
	["an operator chose it, and nobody knows which", "Operator", { image: 1 }, {}, undefined],
	["the resource named it", "Spec", applied, chosen, undefined],
	["an earlier operator chose it", undefined, applied, chosen, "gateway:recorded"],
	["the resource named it to an earlier operator", undefined, applied, asked, undefined],
	["nobody knows", undefined, applied, undefined, undefined],
])("the image of a node is kept where %s", (_what, imageFrom, record, status, image) => {
	const kept = keptImage({ revision: "1", imageFrom, applied: record }, status);
	expect(kept).toEqual(image === undefined ? undefined : { image, revision: "1" });
});

test("a status tells the operator's image where nodes have another, or have it", () => {
	expect(operatorImage(chosen)).toBe("gateway:told");
	expect(operatorImage(asked)).toBeUndefined();
	expect(operatorImage({ effective: { ...chosen.effective, operatorImage: "gateway:newer" } })).toBe("gateway:newer");
	expect(operatorImage({ effective: { ...asked.effective, operatorImage: "gateway:newer" } })).toBe("gateway:newer");
	expect(operatorImage("nothing")).toBeUndefined();
});
