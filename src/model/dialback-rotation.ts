import { secretDigest } from "./secret-digest.ts";

/**
 * How one dialback secret takes the place of another without a key being refused: a peer may ask any node about the key
 * that another one made (XEP-0220 section 2.4).
 *
 * 1. Every process accepts keys of both secrets. The accepted ones are in a Secret that every pod mounts, and are taken
 *    while it runs.
 * 2. Keys are made with the new one: a setting of the nodes, so they restart in turn or take it over.
 * 3. When no node makes keys with the old one, and those that it made are out of use, it is accepted no more.
 *
 * What is reached stands in the Secret itself, so another operator goes on where one was killed. Pure; reading and writing
 * is the controller's.
 *
 * Invariants: no node is given a secret to sign with that another one is known not to accept. A secret that a node signs
 * with is never dropped.
 */
export interface DialbackSecret {
	/** Tells secrets apart and says nothing of them: part of a keyed digest. It names the file in the pods. */
	readonly id: string;
	/** Base64, as it stands in `Secret.data`. */
	readonly value: string;
}

/** What the Secret of accepted ones says. */
export interface AcceptedDialback {
	readonly secrets: readonly DialbackSecret[];
	/** Id of the one that keys are made with. */
	readonly signing: string | undefined;
	/** When it last came to accept others; undefined where that is not known. */
	readonly since: Date | undefined;
	/** Since when no node has made keys with another than `signing`. */
	readonly retiringSince: Date | undefined;
}

export interface DialbackSituation {
	/** The one that keys should be made with. */
	readonly wanted: DialbackSecret;
	/** Undefined where there is no such Secret yet, or no more. */
	readonly accepted: AcceptedDialback | undefined;
	/** Those that nodes make keys with, by what their pods mount. */
	readonly inUse: readonly DialbackSecret[];
	readonly nodes: readonly DialbackNode[];
}

export interface DialbackNode {
	readonly name: string;
	/** Ids that all processes of its pod say they accept; undefined where one of them did not say. */
	readonly accepts: readonly string[] | undefined;
}

export interface DialbackStep {
	/** What the Secret of accepted ones has to say; undefined where it says so. */
	readonly publish?: AcceptedDialback;
	/** The one that keys are to be made with now. */
	readonly signing: DialbackSecret;
	/** Nodes that do not accept the wanted one yet, while it is held back for that. */
	readonly waitsFor: readonly string[];
	/** When to look again, where time alone goes on. */
	readonly again?: Date;
}

/**
 * Milliseconds for which a node that does not say what it accepts is waited for: it may run an image that cannot say, or
 * the operator runs where pods cannot be reached. Longer than a kubelet takes to bring a Secret to its pods (2 min).
 */
export const silencePatience = 10 * 60_000;

/** Milliseconds for which keys of the old secret may still be asked about: a stream is authenticated in 60 s, or never. */
export const keysInFlight = 5 * 60_000;

/** @param digestKey key of the digests in intents */
export function dialbackSecret(digestKey: string, value: string): DialbackSecret {
	return { id: secretDigest(digestKey, { secret: value }).slice(0, 10), value };
}

export function nextDialbackStep({ wanted, accepted, inUse, nodes }: DialbackSituation, now: Date): DialbackStep {
	const known = byId([...(accepted?.secrets ?? []), ...inUse, wanted]);
	const signing = known.get(accepted?.signing ?? "") ?? signedWith(inUse, wanted);
	const secrets = [...known.values()];
	if (!accepted || accepted.secrets.length < secrets.length || accepted.signing !== signing.id) {
		const publish = { secrets, signing: signing.id, since: now, retiringSince: undefined };
		return { publish, signing, waitsFor: signing.id === wanted.id ? [] : nodes.map(({ name }) => name) };
	}

	if (signing.id !== wanted.id) {
		const patientUntil = new Date((accepted.since ?? now).getTime() + silencePatience);
		const waitsFor = nodes
			.filter(({ accepts }) => (accepts ? !accepts.includes(wanted.id) : now < patientUntil))
			.map(({ name }) => name);
		if (waitsFor.length > 0) return { signing, waitsFor, ...(now < patientUntil && { again: patientUntil }) };
		return { publish: { ...accepted, signing: wanted.id, retiringSince: undefined }, signing: wanted, waitsFor };
	}

	const done = { signing, waitsFor: [] };
	if (secrets.length === 1 || inUse.some(({ id }) => id !== signing.id)) return done;
	if (!accepted.retiringSince) return { ...done, publish: { ...accepted, retiringSince: now } };
	const over = new Date(accepted.retiringSince.getTime() + keysInFlight);
	if (now < over) return { ...done, again: over };
	return { ...done, publish: { secrets: [signing], signing: signing.id, since: now, retiringSince: undefined } };
}

/** Where that is not recorded: the wanted one if a node has come to it already, else what runs. */
function signedWith(inUse: readonly DialbackSecret[], wanted: DialbackSecret): DialbackSecret {
	const ids = inUse.map(({ id }) => id);
	const [first] = inUse;
	return first && !ids.includes(wanted.id) ? first : wanted;
}

/** In one order, each once. */
function byId(secrets: readonly DialbackSecret[]): ReadonlyMap<string, DialbackSecret> {
	return new Map(secrets.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map((secret) => [secret.id, secret]));
}
