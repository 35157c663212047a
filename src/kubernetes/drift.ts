import { hash } from "node:crypto";
import { canonicalJson } from "../model/canonical-json.ts";
import type { KubernetesObject, Observed } from "./object.ts";
import { sameQuantity } from "./quantity.ts";

/** On every object that is applied: digest of what was wanted, so that a change of it is seen without comparing. */
export const appliedAnnotation = "xmppfed.dev/applied";

/** What the last apply of an object by this process left behind. */
export interface LastApplied {
	readonly uid: string;
	readonly resourceVersion: string;
	/** Digest of what was wanted. */
	readonly desired: string;
	/** Digest of the wanted fields as the server then had them. */
	readonly result: string;
}

/**
 * Why an apply is needed: Missing, there is no object; Changed, something else is wanted than at the last apply;
 * Drifted, somebody changed a field that we set.
 */
export type ApplyReason = "Missing" | "Changed" | "Drifted";

/**
 * Whether `desired` (without {@link appliedAnnotation}) has to be applied to `live`; undefined where it has not.
 *
 * An apply is compared with what the server made of it, so a value that the server or a webhook writes differently than
 * we do is applied once and never again. Without such a memory (after a start of the operator) the wanted fields are
 * compared with the live ones, quantities by value, and a doubt costs one apply.
 */
export function needsApply<T extends KubernetesObject>(
	desired: T,
	live: Observed<T> | undefined,
	lastApplied: LastApplied | undefined,
): ApplyReason | undefined {
	if (!live) return "Missing";
	const wanted = digestOf(desired);
	if (live.metadata.annotations?.[appliedAnnotation] !== wanted) return "Changed";
	if (lastApplied?.uid !== live.metadata.uid || lastApplied.desired !== wanted) {
		return isSubset(desired, live) ? undefined : "Drifted";
	}
	if (lastApplied.resourceVersion === live.metadata.resourceVersion) return undefined;
	return lastApplied.result === digest(projection(desired, live)) ? undefined : "Drifted";
}

/** `desired` with the annotation that {@link needsApply} looks for. */
export function withAppliedAnnotation<T extends KubernetesObject>(desired: T): T {
	const annotations = { ...desired.metadata.annotations, [appliedAnnotation]: digestOf(desired) };
	return { ...desired, metadata: { ...desired.metadata, annotations } };
}

/** To be kept after an apply of `desired` that returned `live`. */
export function rememberApplied<T extends KubernetesObject>(desired: T, live: Observed<T>): LastApplied {
	const { uid, resourceVersion } = live.metadata;
	return { uid, resourceVersion, desired: digestOf(desired), result: digest(projection(desired, live)) };
}

/** That of what is wanted is asked for at every look and every write, and an object that is wanted does not change. */
function digestOf(desired: KubernetesObject): string {
	const known = digests.get(desired);
	if (known !== undefined) return known;
	const found = digest(desired);
	digests.set(desired, found);
	return found;
}

const digests = new WeakMap<KubernetesObject, string>();

function digest(value: unknown): string {
	return hash("sha256", canonicalJson(value) ?? "").slice(0, 32);
}

/** Maps that one manager owns as a whole: a foreign key in them is drift, elsewhere it belongs to somebody else. */
const atomicMaps = new Set(["selector", "matchLabels", "nodeSelector"]);

/** Fields that tell the items of a list apart, in the order in which they are tried. */
const itemKeys = ["uid", "mountPath", "name", "containerPort", "port", "topologyKey", "key", "ip"];

/** Maps whose values are quantities, and fields that are one. */
const quantityMaps = new Set(["requests", "limits"]);
const quantityFields = new Set(["sizeLimit", "storage"]);

/** Whether every field of `desired` is in `live` with the same meaning. */
export function isSubset(desired: unknown, live: unknown): boolean {
	return within(desired, live, "", "");
}

function within(desired: unknown, live: unknown, field: string, parent: string): boolean {
	// The server leaves out what is empty.
	if (isEmpty(desired)) return isEmpty(live) || (isMap(desired) && isMap(live) && !atomicMaps.has(field));
	if (Array.isArray(desired)) {
		if (!Array.isArray(live)) return false;
		const pairs = pairItems(desired, live);
		return pairs !== undefined && pairs.every(([wanted, found]) => within(wanted, found, "", field));
	}
	if (isMap(desired)) {
		if (!isMap(live)) return false;
		if (atomicMaps.has(field) && Object.keys(live).some((key) => !(key in desired))) return false;
		return Object.entries(desired).every(([key, wanted]) => within(wanted, live[key], key, field));
	}
	if (desired === live) return true;
	return (quantityMaps.has(parent) || quantityFields.has(field)) && sameQuantity(desired, live);
}

/** Those parts of `live` that `desired` speaks of. */
export function projection(desired: unknown, live: unknown): unknown {
	return project(desired, live, "");
}

function project(desired: unknown, live: unknown, field: string): unknown {
	if (Array.isArray(desired)) {
		const pairs = Array.isArray(live) ? pairItems(desired, live) : undefined;
		return pairs ? pairs.map(([wanted, found]) => project(wanted, found, "")) : live;
	}
	if (!isMap(desired) || !isMap(live) || atomicMaps.has(field)) return live;
	return Object.fromEntries(Object.entries(desired).map(([key, wanted]) => [key, project(wanted, live[key], key)]));
}

/**
 * Items of two lists that belong together: by the first key field that all wanted items have and none shares, else by
 * position. A list with keys may hold more items (an injected sidecar); undefined where the lists cannot match.
 */
function pairItems(desired: readonly unknown[], live: readonly unknown[]): [unknown, unknown][] | undefined {
	const key = itemKeys.find((candidate) => {
		const values = desired.map((item) => (isMap(item) ? item[candidate] : undefined));
		return !values.includes(undefined) && new Set(values).size === values.length;
	});
	if (key === undefined) {
		return desired.length === live.length ? desired.map((item, index) => [item, live[index]]) : undefined;
	}
	return desired.map((item) => {
		const value = isMap(item) ? item[key] : undefined;
		return [item, live.find((candidate) => isMap(candidate) && candidate[key] === value)];
	});
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isEmpty(value: unknown): boolean {
	if (value === undefined || value === null || value === "" || value === 0 || value === false) return true;
	return typeof value === "object" && Object.keys(value).length === 0;
}
