import { credentialNames } from "../gateway/layout.ts";
import { rotateDialbackAnnotation } from "../model/dialback-order.ts";
import type { AcceptedDialback, DialbackSecret } from "../model/dialback-rotation.ts";
import { acceptedDialbackName, rotatedDialbackName } from "../model/names.ts";
import { writtenAtAnnotation } from "./annotations.ts";
import { objectLabels } from "./labels.ts";
import { metadata } from "./metadata.ts";

type Owner = { readonly namespace: string; readonly name: string; readonly uid: string };
interface StoredSecret {
	readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
	readonly data?: Readonly<Record<string, string>>;
}

/** On the Secret of accepted ones: which of them keys are made with, and since when with no other. */
const signingAnnotation = "xmppfed.dev/dialback-signing";
const retiringAnnotation = "xmppfed.dev/dialback-retiring-since";

/** The dialback secrets whose keys are accepted, by their ids. Every gateway pod mounts it and follows it. */
export function acceptedDialbackSecret(federation: Owner, accepted: AcceptedDialback) {
	const { secrets, signing, since, retiringSince } = accepted;
	return {
		apiVersion: "v1" as const,
		kind: "Secret" as const,
		metadata: metadata(federation, acceptedDialbackName(federation.name), objectLabels(federation.name), {
			...(signing !== undefined && { [signingAnnotation]: signing }),
			...(since && { [writtenAtAnnotation]: since.toISOString() }),
			...(retiringSince && { [retiringAnnotation]: retiringSince.toISOString() }),
		}),
		type: "Opaque",
		data: Object.fromEntries(secrets.map(({ id, value }) => [id, value])),
	};
}

/** The secret in it that keys are made with, base64; undefined where it does not say. */
export function signingSecret({ metadata: { annotations = {} }, data = {} }: StoredSecret): string | undefined {
	return data[annotations[signingAnnotation] ?? ""];
}

/**
 * What that Secret says, whoever wrote it.
 *
 * @param identify gives the secret of a value its id: what stands under another one is not ours
 */
export function readAcceptedDialback(
	{ metadata: { annotations = {} }, data = {} }: StoredSecret,
	identify: (value: string) => DialbackSecret,
): AcceptedDialback {
	const time = (name: string) => {
		const at = new Date(annotations[name] ?? "");
		return Number.isNaN(at.getTime()) ? undefined : at;
	};
	return {
		secrets: Object.entries(data)
			.map(([id, value]) => ({ id, secret: identify(value) }))
			.flatMap(({ id, secret }) => (secret.id === id ? [secret] : [])),
		signing: annotations[signingAnnotation],
		since: time(writtenAtAnnotation),
		retiringSince: time(retiringAnnotation),
	};
}

/** A dialback secret that the operator made because it was asked to, at a time. Immutable. @param value base64 */
export function rotatedDialbackSecret(federation: Owner, at: string, value: string) {
	return {
		apiVersion: "v1" as const,
		kind: "Secret" as const,
		metadata: metadata(federation, rotatedDialbackName(federation.name, at), objectLabels(federation.name), {
			[rotateDialbackAnnotation]: at,
		}),
		type: "Opaque",
		immutable: true,
		data: { [credentialNames.dialback]: value },
	};
}
