import fc from "fast-check";
import { expect, test } from "vitest";
import type { KubernetesObject, Observed } from "../../../src/kubernetes/object.ts";
import { Store } from "../../../src/kubernetes/store.ts";

type Labelled = Observed;

function object(name: string, version: number, uid = `uid-of-${name}`, label?: string): Labelled {
	return {
		apiVersion: "v1",
		kind: "ConfigMap",
		metadata: {
			name,
			namespace: "ns",
			uid,
			resourceVersion: String(version),
			creationTimestamp: "2026-01-01T00:00:00Z",
			...(label !== undefined && { labels: { owner: label } }),
		},
	};
}

function recordingStore() {
	const changes: string[] = [];
	const show = (shown: Labelled | undefined) => (shown ? shown.metadata.resourceVersion : "-");
	const store = new Store<KubernetesObject>(
		(previous, current) => {
			changes.push(`${(current ?? previous)?.metadata.name} ${show(previous)}>${show(current)}`);
		},
		({ metadata }) => metadata.labels?.["owner"],
	);
	return { store, changes };
}

test("a list tells what is new, what changed and what is gone, and nothing of what is the same", () => {
	const { store, changes } = recordingStore();
	store.replace([object("a", 1), object("b", 2), object("c", 3)], "5");
	changes.length = 0;
	store.replace([object("b", 2), object("c", 7), object("d", 8)], "9");
	expect(changes).toEqual(["a 1>-", "c 3>7", "d ->8"]);
	expect(store.size).toBe(3);
});

test("an older version never replaces a newer one", () => {
	const { store, changes } = recordingStore();
	store.upsert(object("a", 5));
	store.upsert(object("a", 4));
	store.remove(object("a", 3));
	expect(store.get("ns/a")?.metadata.resourceVersion).toBe("5");
	expect(changes).toEqual(["a ->5"]);
});

test("what a write returned after the object was seen to go is not put back", () => {
	const { store } = recordingStore();
	store.upsert(object("a", 5));
	store.remove(object("a", 7));
	store.remember(object("a", 6));
	expect(store.get("ns/a")).toBeUndefined();
	store.remember(object("a", 8));
	expect(store.get("ns/a")?.metadata.resourceVersion).toBe("8");
});

test("what a write returned is seen at once and told when the watch brings it", () => {
	const { store, changes } = recordingStore();
	store.upsert(object("a", 1));
	store.remember(object("a", 4));
	expect(store.get("ns/a")?.metadata.resourceVersion).toBe("4");
	store.upsert(object("a", 3));
	expect(changes).toEqual(["a ->1"]);
	store.upsert(object("a", 4));
	expect(changes).toEqual(["a ->1", "a 1>4"]);
});

test("what a write returned is told by a list, too", () => {
	const { store, changes } = recordingStore();
	store.remember(object("a", 4));
	store.replace([object("a", 4)], "6");
	store.replace([object("a", 4)], "7");
	expect(changes).toEqual(["a ->4"]);
});

test("a list that is older than a write does not take the written object away; a newer one does", () => {
	const { store, changes } = recordingStore();
	store.remember(object("a", 8));
	store.replace([], "7");
	expect(store.get("ns/a")).toBeDefined();
	store.replace([], "9");
	expect(store.get("ns/a")).toBeUndefined();
	expect(changes).toEqual(["a 8>-"]);
});

test("an object that was made anew under its name is another object", () => {
	const { store, changes } = recordingStore();
	store.upsert(object("a", 1, "first"));
	store.replace([object("a", 5, "second")], "6");
	expect(changes).toEqual(["a ->1", "a 1>-", "a ->5"]);
});

test("the index follows changes of the indexed value and deletions", () => {
	const { store } = recordingStore();
	store.upsert(object("a", 1, "a", "x"));
	store.upsert(object("b", 2, "b", "x"));
	store.upsert(object("c", 3, "c"));
	const names = (value: string) => store.byIndex(value).map(({ metadata }) => metadata.name);
	expect(names("x")).toEqual(["a", "b"]);
	store.upsert(object("a", 4, "a", "y"));
	expect(names("x")).toEqual(["b"]);
	expect(names("y")).toEqual(["a"]);
	store.remove(object("b", 5, "b", "x"));
	expect(names("x")).toEqual([]);
});

test("whatever is put in and taken out, index and objects agree", () => {
	const step = fc.record({
		name: fc.constantFrom("a", "b", "c"),
		label: fc.constantFrom("x", "y", undefined),
		kind: fc.constantFrom("upsert", "remove", "remember", "replace"),
	});
	fc.assert(
		fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
			const { store } = recordingStore();
			steps.forEach(({ name, label, kind }, index) => {
				const changed = object(name, index + 1, name, label);
				if (kind === "replace") store.replace([changed], String(index + 1));
				else if (kind === "remove") store.remove(changed);
				else if (kind === "remember") store.remember(changed);
				else store.upsert(changed);
			});
			for (const value of ["x", "y"]) {
				const expected = store.list().filter(({ metadata }) => metadata.labels?.["owner"] === value);
				expect(new Set(store.byIndex(value))).toEqual(new Set(expected));
			}
		}),
	);
});
