import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
	appliedAnnotation,
	isSubset,
	needsApply,
	projection,
	rememberApplied,
	withAppliedAnnotation,
} from "../../../src/kubernetes/drift.ts";
import type { KubernetesObject, Observed } from "../../../src/kubernetes/object.ts";

interface Thing extends KubernetesObject {
	readonly spec?: unknown;
	readonly status?: unknown;
}

const desired: Thing = {
	apiVersion: "apps/v1",
	kind: "Deployment",
	metadata: { name: "web", namespace: "ns", labels: { app: "web" } },
	spec: {
		replicas: 1,
		selector: { matchLabels: { app: "web" } },
		template: {
			spec: {
				automountServiceAccountToken: false,
				nodeSelector: { disk: "fast" },
				containers: [
					{ name: "main", image: "a:1", resources: { requests: { cpu: "1000m", memory: "1024Mi" } } },
					{ name: "second", image: "b:1", args: ["x", "y"] },
				],
			},
		},
	},
};

/** What a server makes of an apply: more fields, canonical quantities, empty ones left out. */
function server(applied: Thing, version = 1, change: (spec: string) => string = (spec) => spec): Observed<Thing> {
	const spec = JSON.stringify(applied.spec)
		.replace('"1000m"', '"1"')
		.replace('"1024Mi"', '"1Gi"')
		.replace('"args"', '"terminationMessagePath":"/dev/termination-log","args"')
		.replace('"automountServiceAccountToken":false,', "");
	return {
		...applied,
		metadata: { ...applied.metadata, uid: "u", resourceVersion: String(version), creationTimestamp: "" },
		spec: JSON.parse(change(spec)) as unknown,
		status: { replicas: version },
	};
}

const live = (version = 1, change?: (spec: string) => string) =>
	server(withAppliedAnnotation(desired), version, change);

describe("needsApply", () => {
	test("a missing object, one of another revision and one without our annotation need it", () => {
		expect(needsApply(desired, undefined, undefined)).toBe("Missing");
		expect(needsApply({ ...desired, spec: { replicas: 2 } }, live(), undefined)).toBe("Changed");
		expect(needsApply(desired, server(desired), undefined)).toBe("Changed");
	});

	test("without a memory, what the server made of it is in sync, quantities and empty values included", () => {
		expect(needsApply(desired, live(), undefined)).toBeUndefined();
	});

	test("a field of ours that somebody changed is drift, with and without a memory", () => {
		const changed = live(2, (spec) => spec.replace("a:1", "a:2"));
		expect(needsApply(desired, changed, undefined)).toBe("Drifted");
		expect(needsApply(desired, changed, rememberApplied(desired, live(1)))).toBe("Drifted");
	});

	test("a status that changed and a sidecar that was injected are not drift", () => {
		const memory = rememberApplied(desired, live(1));
		expect(needsApply(desired, live(2), memory)).toBeUndefined();
		const injected = live(3, (spec) => spec.replace('"containers":[', '"containers":[{"name":"sidecar"},'));
		expect(needsApply(desired, injected, memory)).toBeUndefined();
		expect(needsApply(desired, injected, undefined)).toBeUndefined();
	});

	test("a server that keeps another value than we send is asked once, not for ever", () => {
		const stubborn = (version: number) => live(version, (spec) => spec.replace('"replicas":1', '"replicas":3'));
		expect(needsApply(desired, stubborn(1), undefined)).toBe("Drifted");
		const memory = rememberApplied(desired, stubborn(1));
		expect(needsApply(desired, stubborn(1), memory)).toBeUndefined();
		expect(needsApply(desired, stubborn(2), memory)).toBeUndefined();
		expect(needsApply(desired, live(3), memory)).toBe("Drifted");
	});

	test("a memory of another object, or of another revision, does not count", () => {
		const drifted = live(2, (spec) => spec.replace("a:1", "a:2"));
		const memory = rememberApplied(desired, drifted);
		expect(needsApply(desired, drifted, memory)).toBeUndefined();
		expect(needsApply(desired, drifted, { ...memory, uid: "other" })).toBe("Drifted");
		expect(needsApply(desired, drifted, { ...memory, desired: "other" })).toBe("Drifted");
	});

	test("a key added to a selector is drift, a label added to the object is not", () => {
		const selector = live(2, (spec) => spec.replace('"matchLabels":{', '"matchLabels":{"more":"x",'));
		expect(needsApply(desired, selector, undefined)).toBe("Drifted");
		expect(needsApply(desired, selector, rememberApplied(desired, live(1)))).toBe("Drifted");
		const plain = live(2);
		const labelled = { ...plain, metadata: { ...plain.metadata, labels: { ...plain.metadata.labels, theirs: "x" } } };
		expect(needsApply(desired, labelled, rememberApplied(desired, live(1)))).toBeUndefined();
	});

	test("the annotation does not depend on the order of keys", () => {
		const reordered: Thing = {
			spec: desired.spec,
			metadata: { labels: { app: "web" }, namespace: "ns", name: "web" },
			kind: desired.kind,
			apiVersion: desired.apiVersion,
		};
		const annotation = (object: Thing) => withAppliedAnnotation(object).metadata.annotations?.[appliedAnnotation];
		expect(annotation(reordered)).toBe(annotation(desired));
	});
});

const json = fc.letrec((tie) => ({
	value: fc.oneof(
		{ depthSize: "small" },
		fc.string({ maxLength: 5 }),
		fc.integer(),
		fc.boolean(),
		fc.array(tie("value"), { maxLength: 4 }),
		fc.dictionary(fc.constantFrom("name", "uid", "a", "b", "selector", "requests", "ports"), tie("value"), {
			maxKeys: 4,
		}),
	),
})).value;

describe("comparison", () => {
	test("everything is a subset of itself, and its own projection", () => {
		fc.assert(
			fc.property(json, (value) => {
				expect(isSubset(value, value)).toBe(true);
				expect(projection(value, value)).toEqual(value);
			}),
		);
	});

	test("fields that others add to a map do not matter, and are not in the projection", () => {
		fc.assert(
			fc.property(fc.dictionary(fc.constantFrom("a", "b", "c"), json), json, (ours, theirs) => {
				const together = { ...ours, theirs };
				expect(isSubset(ours, together)).toBe(true);
				expect(projection(ours, together)).toEqual(ours);
			}),
		);
	});

	test("a text of ours that changed is seen, however deep", () => {
		const wrap = fc.array(fc.constantFrom("map", "keyed", "list"), { maxLength: 5 });
		fc.assert(
			fc.property(wrap, fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (layers, ours, theirs) => {
				fc.pre(ours !== theirs);
				const nest = (inner: unknown) =>
					layers.reduce<unknown>(
						(value, layer) =>
							layer === "map" ? { a: value } : layer === "list" ? [[value]] : [{ name: "n", a: value }],
						inner,
					);
				expect(isSubset(nest(ours), nest(theirs))).toBe(false);
				expect(projection(nest(ours), nest(theirs))).toEqual(nest(theirs));
			}),
		);
	});

	test("lists without keys are compared as a whole, lists with keys item by item", () => {
		expect(isSubset(["a", "b"], ["b", "a"])).toBe(false);
		expect(isSubset(["a"], ["a", "b"])).toBe(false);
		expect(isSubset([{ name: "a", v: 1 }], [{ name: "b" }, { name: "a", v: 1, w: 2 }])).toBe(true);
		expect(isSubset([{ name: "a", v: 1 }], [{ name: "b", v: 1 }])).toBe(false);
		// Two ports of one number: told apart by name.
		const ports = [
			{ name: "dns", containerPort: 53, protocol: "UDP" },
			{ name: "dns-tcp", containerPort: 53, protocol: "TCP" },
		];
		expect(isSubset(ports, ports.toReversed())).toBe(true);
	});
});
