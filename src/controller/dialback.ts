import type { Logger } from "pino";
import { credentialNames } from "../gateway/layout.ts";
import { type Observed, objectKey } from "../kubernetes/object.ts";
import type { Secret } from "../kubernetes/resources.ts";
import { rotateDialbackAnnotation } from "../model/dialback-order.ts";
import {
	type DialbackNode,
	type DialbackSecret,
	type DialbackStep,
	dialbackSecret,
	nextDialbackStep,
} from "../model/dialback-rotation.ts";
import { acceptedDialbackName } from "../model/names.ts";
import type { StoredFederation } from "../model/stored-federation.ts";
import { acceptedDialbackSecret, readAcceptedDialback, rotatedDialbackSecret } from "../objects/dialback-secrets.ts";
import { nodeLabel } from "../objects/labels.ts";
import type { Caches } from "./caches.ts";
import type { FederationWriter } from "./federation-writer.ts";
import { makeTextSecret } from "./generated-values.ts";

interface Sources {
	readonly caches: Caches;
	readonly now: () => Date;
}

/** To accept both, to use the new one, to note that none uses the old one; and once more where the cache is behind. */
const mostSteps = 4;

/**
 * Goes on with the replacement of a dialback secret by another one (`dialback-rotation.ts`). Restarts nothing: what keys
 * are made with is part of the intent.
 *
 * @param key `NAMESPACE/NAME` of the federation
 * @param wanted base64
 * @param nodes those that run, and what they say they accept
 * @returns undefined where pods cannot be made: the Secret that they mount is not there. The writer has the obstacles.
 */
export async function ensureDialback(
	key: string,
	federation: StoredFederation["metadata"],
	{ wanted, digestKey }: { readonly wanted: string; readonly digestKey: string },
	nodes: readonly DialbackNode[],
	{ caches, now }: Sources,
	writer: FederationWriter,
	log: Logger,
): Promise<DialbackStep | undefined> {
	const { namespace, name } = federation;
	const identify = (value: string) => dialbackSecret(digestKey, value);
	const cached = caches.secrets.store.get(objectKey(namespace, acceptedDialbackName(name)));
	const present = cached && writer.owns(cached) ? cached : undefined;
	const situation = { wanted: identify(wanted), inUse: secretsInUse(key, caches, writer, identify), nodes };
	let accepted = present && readAcceptedDialback(present, identify);
	for (let count = 0; ; count++) {
		const step = nextDialbackStep({ ...situation, accepted }, now());
		if (!step.publish || count === mostSteps) return step;
		tell(step, log);
		const written = await writer.applySecret(acceptedDialbackSecret(federation, step.publish));
		if (!written) return undefined;
		accepted = readAcceptedDialback(written, identify);
	}
}

/** Those that the pods of nodes make keys with, whatever their revision. */
function secretsInUse(
	key: string,
	caches: Caches,
	writer: FederationWriter,
	identify: (value: string) => DialbackSecret,
): readonly DialbackSecret[] {
	return caches.secrets.store
		.byIndex(key)
		.filter((secret) => secret.metadata.labels?.[nodeLabel] !== undefined && writer.owns(secret))
		.flatMap(({ data }) => data?.[credentialNames.dialback] ?? [])
		.map(identify);
}

function tell({ publish, signing, waitsFor }: DialbackStep, log: Logger): void {
	const secrets = publish?.secrets.map(({ id }) => id);
	const retiring = publish?.retiringSince !== undefined;
	log.info({ secrets, signing: signing.id, waitsFor, retiring }, "writing the dialback secrets that are accepted");
}

/**
 * The newest dialback secret that was made because somebody asked for one, base64; it is made where it is not there yet.
 *
 * @param asked when it was last asked for
 * @returns undefined where none was ever asked for, or it cannot be made
 */
export async function ensureRotatedDialback(
	key: string,
	federation: StoredFederation["metadata"],
	asked: string | undefined,
	caches: Caches,
	writer: FederationWriter,
): Promise<string | undefined> {
	const newest = newestRotated(key, caches, writer);
	const made = newest?.metadata.annotations?.[rotateDialbackAnnotation] ?? "";
	// Of one form, so that their order as texts is that in time.
	const secret =
		asked !== undefined && asked > made
			? await writer.createSecret(rotatedDialbackSecret(federation, asked, makeTextSecret()))
			: newest;
	return secret?.data?.[credentialNames.dialback];
}

/** The newest of those that were made because somebody asked for one. */
export function newestRotated(key: string, caches: Caches, writer: FederationWriter): Observed<Secret> | undefined {
	const at = ({ metadata }: Secret) => metadata.annotations?.[rotateDialbackAnnotation] ?? "";
	return caches.secrets.store
		.byIndex(key)
		.filter((secret) => at(secret) !== "" && writer.owns(secret))
		.toSorted((a, b) => (at(a) < at(b) ? 1 : -1))[0];
}
