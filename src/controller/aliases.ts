import { parseChatNodeAlias, parseStored } from "../api/parse.ts";
import type { Observed } from "../kubernetes/object.ts";
import { domainHolders, type JudgedAlias, judgeAliases, type ReadAlias } from "../model/aliases.ts";
import { inOrder } from "../model/policy/in-force.ts";
import type { Problem } from "../model/problem.ts";
import type { StoredFederation } from "../model/stored-federation.ts";
import type { Caches } from "./caches.ts";

/** How a ChatNodeAlias of a federation stands. */
export type AliasVerdict = { readonly object: Observed } & (
	| { readonly problems: readonly Problem[] }
	| Extract<JudgedAlias, { readonly ok: true }>
);

/** Finds the ChatNodeAliases of each federation, and which of them are served. */
export class Aliases {
	readonly #caches: Caches;

	constructor(caches: Caches) {
		this.#caches = caches;
	}

	/** All that name the federation, the oldest first. */
	of(federationKey: string): readonly Observed[] {
		return inOrder(this.#caches.aliases.store.byIndex(federationKey).filter(isThere));
	}

	judge(federationKey: string, federation: StoredFederation): readonly AliasVerdict[] {
		const own = this.of(federationKey);
		if (own.length === 0) return [];
		const parsed = own.map((object) => ({ object, read: parseStored(parseChatNodeAlias, object) }));
		const readable = parsed.flatMap(({ object, read }): ReadAlias[] =>
			read.ok ? [{ metadata: object.metadata, spec: read.value.spec }] : [],
		);
		const judged = new Map(
			judgeAliases(federation, readable, this.#holders()).map((verdict) => [verdict.name, verdict]),
		);
		return parsed.map(({ object, read }): AliasVerdict => {
			const verdict = judged.get(object.metadata.name);
			if (verdict) return verdict.ok ? { object, ...verdict } : { object, problems: [verdict.problem] };
			const errors = read.ok ? [] : read.errors;
			return { object, problems: errors.map((error) => ({ reason: "InvalidSpec", ...error })) };
		});
	}

	#holders() {
		const { federations, aliases } = this.#caches;
		return domainHolders(federations.store.list().filter(isThere), aliases.store.list().filter(isThere));
	}
}

function isThere({ metadata }: Observed): boolean {
	return metadata.deletionTimestamp === undefined;
}
