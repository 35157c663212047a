import { createHash, hash } from "node:crypto";
import { liveAuthoritiesKey } from "../gateway/layout.ts";
import { liveAliasesFile, liveSettings, revisionFile } from "../gateway/settings.ts";
import { canonicalJson } from "../model/canonical-json.ts";
import type { NodeSecrets } from "../model/federation-inputs.ts";
import type { FederationIntent, NodeIntent } from "../model/intent.ts";
import { liveOf } from "../model/live.ts";
import { nodeObjectName } from "../model/names.ts";
import { policyDigest } from "../model/policy/compile.ts";
import { recordedPolicy } from "../model/policy/in-force.ts";
import { liveRevision } from "../model/revision.ts";
import { liveRevisionAnnotation, writtenAtAnnotation } from "./annotations.ts";
import { metadata } from "./metadata.ts";
import { parsed, revisionedLabels } from "./node-configuration.ts";
import { certificateData } from "./node-secret.ts";

/** What the objects were made from. Its pods have every key of the ConfigMap as a file; they skip those with a dot. */
const recordKey = ".intent.json";

/** Name of the ConfigMap and the Secret of what a node takes over while it runs. */
export function nodeLiveName(federation: string, node: string): string {
	return `${nodeObjectName(federation, node)}-live`;
}

/**
 * What a node with the strategy Live takes over while it runs: mutable, mounted by its pods whatever their revision.
 *
 * @param writtenAt RFC 3339
 */
export function liveObjects(federation: FederationIntent, node: NodeIntent, secrets: NodeSecrets, writtenAt: string) {
	const named = (written: Record<string, string>) =>
		metadata(federation, nodeLiveName(federation.name, node.name), revisionedLabels(node), {
			[liveRevisionAnnotation]: liveRevision(node) ?? "",
			...written,
		});
	return {
		configuration: {
			apiVersion: "v1" as const,
			kind: "ConfigMap" as const,
			metadata: named({ [writtenAtAnnotation]: writtenAt }),
			data: { ...liveSettings(node), [recordKey]: `${canonicalJson(liveOf(node))}\n` },
		},
		secret: {
			apiVersion: "v1" as const,
			kind: "Secret" as const,
			metadata: named({}),
			type: "Opaque",
			// Its pods have every key as a file.
			data: {
				...certificateData(secrets),
				...(secrets.trustedCAs !== undefined && {
					[liveAuthoritiesKey(node.systemRoots !== false)]: secrets.trustedCAs,
				}),
			},
		},
	};
}

interface Read {
	readonly metadata: { readonly annotations?: Readonly<Record<string, string>> | undefined };
	readonly data?: Readonly<Record<string, string>> | undefined;
}

/** What the live objects of a node say. */
export function readLive({ metadata: { annotations }, data }: Read, secret?: Read) {
	const applied = parsed(data?.[recordKey]);
	const recorded = recordedPolicy(applied);
	const aliases = data?.[liveAliasesFile];
	const content = (key: string) => Buffer.from(secret?.data?.[key] ?? "", "base64");
	const authorities = [true, false].map(liveAuthoritiesKey).filter((key) => secret?.data?.[key] !== undefined);
	const certificate = [content("tls.crt"), ...authorities.flatMap((key) => [Buffer.from(key), content(key)])];
	return {
		revision: annotations?.[liveRevisionAnnotation] ?? "",
		/** RFC 3339. */
		writtenAt: annotations?.[writtenAtAnnotation],
		/** Revision of the settings files. */
		settings: data?.[revisionFile]?.trim() ?? "",
		/** SHA-256 of the certificate's chain, with name and content of the trusted authorities behind it. */
		certificate: createHash("sha256").update(Buffer.concat(certificate)).digest("hex"),
		/** Digest of the aliases (`liveAliasesDigest`); undefined where there are none. */
		aliases: aliases === undefined ? undefined : hash("sha256", aliases),
		/** Digest of the policy; undefined where there is none. */
		policy: recorded.known && recorded.policy ? policyDigest(recorded.policy) : undefined,
		/** The live parts of the intent (`liveOf`) that they were made from; undefined where that is gone. */
		applied,
	};
}
