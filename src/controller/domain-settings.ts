import { randomBytes } from "node:crypto";
import { type KubernetesObject, keyOf, type Observed } from "../kubernetes/object.ts";
import type { Store } from "../kubernetes/store.ts";
import { canonicalJson } from "../model/canonical-json.ts";
import type { NodeSecrets } from "../model/federation-inputs.ts";
import type { FederationIntent } from "../model/intent.ts";
import { inOrder } from "../model/policy/in-force.ts";
import { secretDigest } from "../model/secret-digest.ts";
import { type SharedSettings, settingDifferences, sharedSettings, usesDialback } from "../model/shared-settings.ts";
import type { FederationOfDomain } from "../status/settings-consistent.ts";
import { domainOf } from "./caches.ts";

/** Others that one federation is compared with, the oldest ones: a domain has a few, and each costs the others a reconcile. */
const mostCompared = 16;

interface Noted {
	readonly domain: string | undefined;
	/** Undefined: the resource is not accepted. */
	readonly settings: SharedSettings | undefined;
}

/**
 * What each federation has set, as it was last modelled, so that those of one domain can be compared (R14). Where it is
 * new, the others of that domain are reconciled, and nobody else.
 */
export class DomainSettings {
	readonly #federations: Store<KubernetesObject>;
	readonly #onChange: (federationKey: string) => void;
	readonly #noted = new Map<string, Noted>();
	/** Never leaves the process: digests that are made with it say nothing to anybody else. */
	readonly #digestKey = randomBytes(32).toString("base64");

	/** @param federations found by {@link domainOf} */
	constructor(federations: Store<KubernetesObject>, onChange: (federationKey: string) => void) {
		this.#federations = federations;
		this.#onChange = onChange;
	}

	note(object: Observed, intent: FederationIntent, { dialback, trustedCAs = "" }: NodeSecrets): void {
		const digests = {
			dialback: usesDialback(intent) ? secretDigest(this.#digestKey, { dialback }) : "",
			authorities: secretDigest(this.#digestKey, { trustedCAs }),
		};
		this.#note(object, sharedSettings(intent, digests));
	}

	noteUnaccepted(object: Observed): void {
		this.#note(object, undefined);
	}

	/** The federation is gone. */
	release(federationKey: string): void {
		const noted = this.#noted.get(federationKey);
		this.#noted.delete(federationKey);
		for (const other of this.#others(federationKey, noted?.domain)) this.#onChange(other);
	}

	/** The other federations of its domain, the oldest first. */
	compare(federationKey: string): readonly FederationOfDomain[] {
		const own = this.#noted.get(federationKey);
		return this.#others(federationKey, own?.domain).map((federation): FederationOfDomain => {
			const other = this.#noted.get(federation);
			if (!other || !own?.settings) return { federation, differences: "NotRead" };
			if (!other.settings) return { federation, differences: "NotAccepted" };
			return { federation, differences: settingDifferences(own.settings, other.settings).map(({ field }) => field) };
		});
	}

	#note(object: Observed, settings: SharedSettings | undefined): void {
		const key = keyOf(object);
		const before = this.#noted.get(key);
		const noted = { domain: domainOf(object), settings };
		this.#noted.set(key, noted);
		const others = this.#others(key, noted.domain);
		if (others.length === 0 || (before && canonicalJson(before.settings ?? {}) === canonicalJson(settings ?? {})))
			return;
		for (const other of others) this.#onChange(other);
	}

	#others(federationKey: string, domain: string | undefined): readonly string[] {
		const all = domain === undefined ? [] : this.#federations.byIndex(domain);
		return inOrder(all.filter(({ metadata }) => metadata.deletionTimestamp === undefined))
			.map(keyOf)
			.filter((key) => key !== federationKey)
			.slice(0, mostCompared);
	}
}
