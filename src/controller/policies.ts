import { parseFederationPolicy, parseStored } from "../api/parse.ts";
import type { Observed } from "../kubernetes/object.ts";
import type { ConfigMap } from "../kubernetes/resources.ts";
import { compilePolicy } from "../model/policy/compile.ts";
import { denyAll, type EffectivePolicy, inOrder, type RecordedPolicy } from "../model/policy/in-force.ts";
import type { Problem } from "../model/problem.ts";
import type { Caches } from "./caches.ts";
import { isSame, type NamedWatches } from "./named-watches.ts";

/** The policy of a federation that is in force, and what it comes to. */
export interface PolicyInForce {
	readonly object: Observed;
	readonly problems: readonly Problem[];
	readonly effective: EffectivePolicy;
}

/** What a node was last given to enforce, and when that was written (RFC 3339). */
export interface NodeRecord {
	readonly recorded: RecordedPolicy;
	readonly writtenAt: string;
}

type Read =
	| { readonly ok: true; readonly effective: EffectivePolicy }
	| { readonly ok: false; readonly problems: readonly Problem[] };

interface Remembered {
	readonly policy: string;
	readonly configMaps: ReadonlyMap<string, Observed<ConfigMap>>;
	readonly read: Read;
}

/**
 * Finds the policy in force of each federation and makes of it what gateways enforce. To read 100,000 domains takes longer
 * than all the rest of a reconcile, so what came of it is kept while policy and ConfigMaps stay what they are.
 */
export class Policies {
	readonly #caches: Caches;
	readonly #watches: NamedWatches<ConfigMap>;
	readonly #remembered = new Map<string, Remembered>();

	/** @param watches of the ConfigMaps that policies name, and no others */
	constructor(caches: Caches, watches: NamedWatches<ConfigMap>) {
		this.#caches = caches;
		this.#watches = watches;
	}

	/** All policies that name the federation, the one in force first. */
	of(federationKey: string): readonly Observed[] {
		const all = this.#caches.policies.store.byIndex(federationKey);
		return inOrder(all.filter(({ metadata }) => metadata.deletionTimestamp === undefined));
	}

	/**
	 * @param nodes gives what nodes were given before: where the policy is broken, the last of it stays in force
	 * @returns undefined where the federation has no policy
	 */
	async inForce(federationKey: string, nodes: () => readonly NodeRecord[]): Promise<PolicyInForce | undefined> {
		const [object] = this.of(federationKey);
		if (!object) {
			this.release(federationKey);
			return undefined;
		}
		const read = await this.#read(federationKey, object);
		if (read.ok) return { object, problems: [], effective: read.effective };
		const last = nodes().toSorted((a, b) => (a.writtenAt < b.writtenAt ? 1 : -1))[0]?.recorded;
		const effective = last?.known ? asRecorded(last) : denyAll;
		return { object, problems: read.problems, effective };
	}

	/** The federation, or its policy, is gone. */
	release(federationKey: string): void {
		this.#watches.release(federationKey);
		this.#remembered.delete(federationKey);
	}

	async #read(federationKey: string, object: Observed): Promise<Read> {
		const parsed = parseStored(parseFederationPolicy, object);
		if (!parsed.ok) {
			return { ok: false, problems: parsed.errors.map((error) => ({ reason: "InvalidSpec", ...error })) };
		}
		const { spec } = parsed.value;
		const names = (spec.exceptionsFrom ?? []).map(({ configMapRef }) => configMapRef.name);
		const configMaps = await this.#watches.use(federationKey, object.metadata.namespace ?? "", names);
		// Not the object itself: each status that is written makes it another.
		const policy = `${object.metadata.uid} ${object.metadata.generation}`;
		const known = this.#remembered.get(federationKey);
		if (known?.policy === policy && isSame(known.configMaps, configMaps)) return known.read;
		const compiled = compilePolicy(spec, configMaps);
		// Not the rules themselves, which nobody here asks and which take ten times as much.
		const read: Read = compiled.ok
			? { ok: true, effective: { intent: compiled.policy.intent, lists: compiled.policy.lists } }
			: compiled;
		this.#remembered.set(federationKey, { policy, configMaps, read });
		return read;
	}
}

/** Its lists are there: their ConfigMaps stay as long as a node is to have them. */
function asRecorded({ policy }: Extract<RecordedPolicy, { known: true }>): EffectivePolicy {
	return policy && { intent: policy, lists: [] };
}
