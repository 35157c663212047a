import { z } from "zod";
import { mostMappings } from "../api/email-addresses.ts";
import { type MappingFiles, mappingDigest, mostMappingFiles } from "../gateway/email-address-files.ts";
import { emailAddressFiles } from "../gateway/layout.ts";
import { emailAddressesName } from "../model/names.ts";
import { writtenAtAnnotation } from "./annotations.ts";
import { objectLabels } from "./labels.ts";
import { metadata } from "./metadata.ts";
import { parsed } from "./node-configuration.ts";

type Owner = { readonly namespace: string; readonly name: string; readonly uid: string };
interface StoredSecret {
	readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
	readonly data?: Readonly<Record<string, string>>;
}

/**
 * The mapping of a federation as its routers mount it: mutable Secrets, as it is data about people, named by their place,
 * because a pod keeps the volumes that it was started with. The index has to be written last: it names the others by
 * their digests.
 *
 * @param writtenAt RFC 3339
 */
export function emailAddressSecrets(federation: Owner, { files, index }: MappingFiles, writtenAt: string) {
	return {
		files: files.map((text, place) => secret(federation, emailAddressFiles.place(place), text)),
		index: secret(federation, emailAddressFiles.index, index, { [writtenAtAnnotation]: writtenAt }),
	};
}

export type EmailAddressSecrets = ReturnType<typeof emailAddressSecrets>;

/** Names of all that a mapping could have. */
export function emailAddressSecretNames(federation: string): readonly string[] {
	return allFiles.map((file) => emailAddressesName(federation, file));
}

/** Names of those that it has not. @param used number of its files */
export function unusedEmailAddressSecrets(federation: string, used: number): readonly string[] {
	return emailAddressSecretNames(federation).slice(used, mostMappingFiles);
}

/** All files that there can be, the index last. */
const allFiles = [
	...Array.from({ length: mostMappingFiles }, (_, place) => emailAddressFiles.place(place)),
	emailAddressFiles.index,
];

const indexForm = z.object({ mappings: z.int().min(0).max(mostMappings) });

/** What the Secret of the index says; undefined where that cannot be read, whoever wrote it. */
export function readEmailAddresses({ metadata: { annotations }, data = {} }: StoredSecret) {
	const index = Buffer.from(data[emailAddressFiles.index] ?? "", "base64").toString("utf8");
	const said = indexForm.safeParse(parsed(index)).data;
	if (!said) return undefined;
	return {
		index,
		digest: mappingDigest(index),
		mappings: said.mappings,
		writtenAt: annotations?.[writtenAtAnnotation],
	};
}

function secret(federation: Owner, file: string, text: string, annotations?: Record<string, string>) {
	const name = emailAddressesName(federation.name, file);
	return {
		apiVersion: "v1" as const,
		kind: "Secret" as const,
		metadata: metadata(federation, name, objectLabels(federation.name, "gateway"), annotations),
		type: "Opaque",
		data: { [file]: Buffer.from(text, "utf8").toString("base64") },
	};
}
