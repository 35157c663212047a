import { canonicalJson } from "../model/canonical-json.ts";
import type { FederationIntent, NodeIntent } from "../model/intent.ts";
import { liveOf, withoutLive } from "../model/live.ts";
import { nodeRevision } from "../model/revision.ts";
import { aliasesAt } from "./hand-over.ts";
import { intentFields, secretFields } from "./intent-fields.ts";
import type { Step } from "./plan.ts";
import { type RestartReason, type Rule, restartReasons, type Scope } from "./reasons.ts";

/**
 * Why nodes have to restart, start, stop or take something over: what changed between what they run and what they should
 * run.
 *
 * Invariant: a node that the plan restarts, makes beside others or removes has a cause with a scope; one that it leaves
 * alone has none.
 */
export interface Cause {
	readonly rule: Rule;
	readonly reason: RestartReason;
	/** What changed: a field of the resource where there is one. */
	readonly field: string;
	/** Old and new value, where they are no secret; absent where there was or is none. Cut at `valueLimit`. */
	readonly from?: string;
	readonly to?: string;
	readonly scope: Scope;
	/** Nodes that restart for it, or take it over, in the order of `spec.nodes`, removed ones last. */
	readonly nodes: readonly string[];
}

/** A cause as status has it, of whatever version of the operator. */
export interface RecordedCause extends Omit<Cause, "reason"> {
	readonly reason: string;
}

/** What is known of what a node runs. */
export interface AppliedNode {
	readonly name: string;
	readonly federation: "Enabled" | "Disabled";
	/** Revision that its Deployment asks for. */
	readonly revision: string;
	/** The intent of that revision, as it was recorded (`intent.json`); undefined where that is gone or not JSON. */
	readonly applied?: unknown;
	/** The live parts of the intent that its live objects were last made from (`liveOf`); undefined where it has none. */
	readonly appliedLive?: unknown;
	readonly drifted?: boolean | undefined;
}

/** Longest value shown, in characters. */
export const valueLimit = 256;
/** Longest name of a field, in characters. */
export const fieldLimit = 512;

type Entry = Omit<Cause, "nodes" | "rule">;
type Fields = Readonly<Record<string, unknown>>;

/**
 * @param earlier causes of the roll-out that is under way: they tell a node that was enabled from one that was added as
 *   Enabled, where its own restart is over, and from where an alias moves
 */
export function causes(
	intent: FederationIntent,
	applied: readonly AppliedNode[],
	earlier: readonly RecordedCause[] = [],
): readonly Cause[] {
	// A new federation restarts nothing.
	if (applied.length === 0) return [];
	const change = new Change(intent, applied, earlier);
	const found = new Map<string, { entry: Entry; nodes: Set<string> }>();
	const add = (node: string, entries: readonly Entry[]) => {
		for (const entry of entries) {
			const key = canonicalJson(entry);
			const known = found.get(key);
			if (known) known.nodes.add(node);
			else found.set(key, { entry, nodes: new Set([node]) });
		}
	};
	for (const node of intent.nodes) add(node.name, change.ofWanted(node));
	for (const node of applied) if (!change.isWanted(node.name)) add(node.name, [change.removal(node)]);
	return [...found.values()].map(({ entry, nodes }) => ({
		rule: restartReasons[entry.reason].rule,
		...entry,
		nodes: [...nodes],
	}));
}

/** Causes that a step is taken for. */
export function causesOfStep({ kind, node }: Pick<Step, "kind" | "node">, all: readonly Cause[]): readonly Cause[] {
	return all.filter(({ nodes, scope }) => nodes.includes(node) && (scope === "None") === (kind === "Apply"));
}

/** Sentence without its end: `spec.upstream.port changed from 5269 to 5270`. */
export function describeCause({ reason, field, from, to }: Cause): string {
	const meaning = restartReasons[reason].meaning.replace(/\.$/, "");
	if (from === undefined && to === undefined) return field ? `${field}: ${meaning}` : meaning;
	if (from === undefined) return `${field} was set to ${to}`;
	return to === undefined ? `${field} was removed (it was ${from})` : `${field} changed from ${from} to ${to}`;
}

class Change {
	readonly #intent: FederationIntent;
	readonly #applied: ReadonlyMap<string, AppliedNode>;
	readonly #wanted: ReadonlySet<string>;
	readonly #earlier: readonly RecordedCause[];

	constructor(intent: FederationIntent, applied: readonly AppliedNode[], earlier: readonly RecordedCause[]) {
		this.#intent = intent;
		this.#applied = new Map(applied.map((node) => [node.name, node]));
		this.#wanted = new Set(intent.nodes.map(({ name }) => name));
		this.#earlier = earlier;
	}

	isWanted(node: string): boolean {
		return this.#wanted.has(node);
	}

	ofWanted(node: NodeIntent): readonly Entry[] {
		const before = this.#applied.get(node.name);
		if (!before) {
			const reason = node.federation === "Enabled" ? "EnabledNodeAdded" : "NodeAdded";
			return [entryOf(reason, `spec.nodes[${node.name}]`)];
		}
		const taken = this.#takenOver(before, node);
		if (before.revision === nodeRevision(node)) {
			return before.drifted ? [entryOf("Drifted", `Deployment of node ${node.name}`), ...taken] : taken;
		}
		const isLive = node.strategy === "Live" || (isRecord(before.applied) && before.applied["strategy"] === "Live");
		const entries = isRecord(before.applied) ? this.#differences(before.applied, node, isLive) : [];
		return [...(entries.length > 0 ? entries : [entryOf("OperatorChanged", `record of node ${node.name}`)]), ...taken];
	}

	/** What the node takes over while it runs. */
	#takenOver({ applied, appliedLive }: AppliedNode, node: NodeIntent): readonly Entry[] {
		if (node.strategy !== "Live" || !isRecord(appliedLive)) return [];
		const { aliases, ...others } = liveOf(node);
		// A node that restarts to take to live aliases has told of them by that.
		const isTold = isRecord(applied) && applied["liveAliases"] !== node.liveAliases;
		const entries = this.#entries(appliedLive, isTold || !aliases ? others : { ...others, aliases }, node);
		return entries.map((entry) => ({ ...entry, scope: "None" }));
	}

	removal({ name, federation }: AppliedNode): Entry {
		return entryOf(federation === "Enabled" ? "EnabledNodeRemoved" : "NodeRemoved", `spec.nodes[${name}]`);
	}

	/** @param isLive what is taken over while the node runs is told by itself */
	#differences(before: Fields, node: NodeIntent, isLive: boolean): readonly Entry[] {
		if (!isLive) return this.#entries(before, { ...node }, node);
		const { aliases, ...others } = withoutLive(node);
		// What it has had live is in no record of what restarts it: the strategy alone is told.
		const wereLive = before["liveAliases"] === true || !aliases;
		return this.#entries(withoutLive(before), wereLive ? others : { ...others, aliases }, node);
	}

	#entries(before: Fields, now: Fields, node: NodeIntent): readonly Entry[] {
		const names = [...new Set([...Object.keys(intentFields), ...Object.keys(before), ...Object.keys(now)])];
		const changed = names.filter((name) => !isEqual(before[name], now[name]));
		// A node that is enabled is published by that alone.
		const toggled = changed.includes("federation");
		const addressed = changed.includes("emailAddresses");
		const entries = changed.flatMap((name): readonly Entry[] => {
			if (name === "enabledNodes") return this.#enabledNodes(before[name], node.enabledNodes);
			if (name === "aliases") return this.#aliases(before[name], node);
			if (name === "liveAliases") return [];
			if (name === "secrets") return secrets(before[name], now[name]);
			if (name === "published" && toggled) return [];
			// What holds for users without an address comes and goes with the addresses.
			if (name === "unmappedUsers" && addressed) return [];
			const known = knownField(name);
			if (!known) return [entryOf("OperatorChanged", `${name} of node ${node.name}`)];
			const { shown = (value: unknown) => value, hidesOld } = known;
			const from = hidesOld ? undefined : shown(before[name]);
			const entry = narrowed(known.reason, known.field(node, this.#intent), from, shown(now[name]));
			return [known.reason === "Requested" ? { ...entry, scope: this.#requestScope(node) } : entry];
		});
		return unique(entries);
	}

	#requestScope({ requestedAt }: NodeIntent): Scope {
		const { restarts } = this.#intent.orders;
		return restarts.some(({ node, at }) => node === undefined && at === requestedAt) ? "AllNodes" : "Node";
	}

	/** R10, one entry for each alias that came, went or changed: the same at every node that it changes for. */
	#aliases(before: unknown, { aliases = {} }: NodeIntent): readonly Entry[] {
		const old = isRecord(before) ? before : {};
		const domains = [...new Set([...Object.keys(old), ...Object.keys(aliases)])].toSorted();
		return domains.flatMap((domain): readonly Entry[] => {
			const [was, is] = [old[domain], aliases[domain]];
			if (isEqual(was, is)) return [];
			const served = this.#intent.aliases?.find((alias) => alias.domain === domain);
			if (!is || !served) return [{ ...entryOf("AliasChanged", "ChatNodeAlias"), from: domain }];
			const name = `ChatNodeAlias ${served.name}`;
			if (!isRecord(was)) return [{ ...entryOf("AliasChanged", name), to: domain }];
			return [
				...(was["here"] === is.here ? [] : [this.#move(domain, `${name}: spec.node`, served.node)]),
				...(isEqual(was["upstream"], is.upstream)
					? []
					: // Its own, or that of its node.
						[narrowed("AliasChanged", `${name}: upstream`, was["upstream"], is.upstream)]),
			];
		});
	}

	/** From the node that has served the alias; where that has let it go already, the causes before know which it was. */
	#move(domain: string, field: string, to: string): Entry {
		const told = this.#earlier.find((cause) => cause.field === field && cause.to === to)?.from;
		const isThere = ({ applied, appliedLive }: AppliedNode) =>
			[appliedLive, applied].some((record) => aliasesAt(record).has(domain));
		const before = [...this.#applied.values()].find((node) => node.name !== to && isThere(node));
		return changeOf("AliasChanged", field, told ?? before?.name, to);
	}

	/** R16, one entry for each node that came into the set of Enabled nodes or left it. */
	#enabledNodes(before: unknown, now: readonly string[]): readonly Entry[] {
		if (!Array.isArray(before)) return [entryOf("OperatorChanged", "list of Enabled nodes")];
		const known = new Set(before.filter((name) => typeof name === "string"));
		const added = now.filter((name) => !known.has(name));
		const removed = [...known].filter((name) => !now.includes(name));
		return [
			...added.map((name) =>
				this.#wasToggled(name) ? toggle(name, "Enabled") : entryOf("EnabledNodeAdded", `spec.nodes[${name}]`),
			),
			...removed.map((name) =>
				this.isWanted(name) ? toggle(name, "Disabled") : entryOf("EnabledNodeRemoved", `spec.nodes[${name}]`),
			),
		];
	}

	/** Whether a node that is new among the Enabled ones ran before, as a Disabled one. */
	#wasToggled(name: string): boolean {
		const node = this.#applied.get(name);
		if (node?.federation === "Disabled") return true;
		const { field } = toggle(name, "Enabled");
		return this.#earlier.some((cause) => cause.reason === "FederationToggled" && cause.field === field);
	}
}

function toggle(name: string, to: "Enabled" | "Disabled"): Entry {
	const from = to === "Enabled" ? "Disabled" : "Enabled";
	return { ...entryOf("FederationToggled", `spec.nodes[${name}].federation`), from, to };
}

function secrets(before: unknown, now: unknown): readonly Entry[] {
	const [old, current] = [isRecord(before) ? before : {}, isRecord(now) ? now : {}];
	const names = [...new Set([...Object.keys(old), ...Object.keys(current)])];
	return names
		.filter((name) => !isEqual(old[name], current[name]))
		.map((name) => {
			const known = new Map(Object.entries(secretFields)).get(name);
			return known ? entryOf(known.reason, known.field) : entryOf("OperatorChanged", `secret ${name}`);
		});
}

function entryOf(reason: RestartReason, field: string): Entry {
	const { scope } = restartReasons[reason];
	return { reason, field: cut(field, fieldLimit), scope: scope === "AsAsked" ? "Node" : scope };
}

/** Tells a change by the smallest part that has all of it. */
function narrowed(reason: RestartReason, field: string, from: unknown, to: unknown): Entry {
	if (isRecord(from) && isRecord(to)) {
		const differing = [...new Set([...Object.keys(from), ...Object.keys(to)])].filter(
			(name) => !isEqual(from[name], to[name]),
		);
		const [only, ...others] = differing;
		if (only !== undefined && others.length === 0) {
			const part = /^[A-Za-z][\w-]*$/.test(only) ? `.${only}` : `[${JSON.stringify(only)}]`;
			return narrowed(reason, field + part, from[only], to[only]);
		}
		return changeOf(reason, field, picked(from, differing), picked(to, differing));
	}
	return changeOf(reason, field, from, to);
}

/** Of many peers only those that changed. */
function picked(value: Readonly<Record<string, unknown>>, names: readonly string[]): unknown {
	return Object.fromEntries(Object.entries(value).filter(([name]) => names.includes(name)));
}

function changeOf(reason: RestartReason, field: string, from: unknown, to: unknown): Entry {
	return {
		...entryOf(reason, field),
		...(from !== undefined && { from: shownValue(from) }),
		...(to !== undefined && { to: shownValue(to) }),
	};
}

function shownValue(value: unknown): string {
	return cut(typeof value === "string" ? value : canonicalJson(value), valueLimit);
}

function cut(text: string, limit: number): string {
	return text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
}

function knownField(name: string) {
	return new Map(Object.entries(intentFields)).get(name);
}

function unique(entries: readonly Entry[]): readonly Entry[] {
	return [...new Map(entries.map((entry) => [canonicalJson(entry), entry])).values()];
}

function isEqual(a: unknown, b: unknown): boolean {
	return canonicalJson({ value: a }) === canonicalJson({ value: b });
}

function isRecord(value: unknown): value is Fields {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
