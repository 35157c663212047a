import { defaults } from "../api/defaults.ts";
import type { EmailAddressesSpec, LdapSpec } from "../api/email-addresses.ts";
import { mappingFiles, mostFileBytes, mostMappingFiles } from "../gateway/email-address-files.ts";
import { emailAddressFiles } from "../gateway/layout.ts";
import { type Observed, objectKey } from "../kubernetes/object.ts";
import type { ConfigMap, Secret } from "../kubernetes/resources.ts";
import { localDomains } from "../model/domains.ts";
import { directorySource } from "../model/email-addresses/directory.ts";
import { mergeMappings } from "../model/email-addresses/merge.ts";
import { textSources } from "../model/email-addresses/texts.ts";
import { authoritiesIn } from "../model/federation-credentials.ts";
import { emailAddressesName } from "../model/names.ts";
import type { Problem } from "../model/problem.ts";
import type { StoredFederation } from "../model/stored-federation.ts";
import { type EmailAddressSecrets, emailAddressSecrets, readEmailAddresses } from "../objects/email-addresses.ts";
import type { Caches } from "./caches.ts";
import type { Directories } from "./directories.ts";
import type { FederationWriter } from "./federation-writer.ts";
import { isSame, type NamedWatches } from "./named-watches.ts";
import type { DirectoryQuestion } from "./read-directory.ts";

/** What `spec.emailAddresses` comes to. */
export interface EmailAddressesFound {
	/** Undefined while it cannot be said who has which address: what routers were given stays. */
	readonly secrets: EmailAddressSecrets | undefined;
	readonly problems: readonly Problem[];
}

interface Named {
	readonly configMaps: ReadonlyMap<string, Observed<ConfigMap>>;
	readonly secrets: ReadonlyMap<string, Observed<Secret>>;
}

interface Remembered extends Named {
	readonly federation: string;
	readonly entries: readonly string[] | undefined;
	readonly merged: EmailAddressesFound;
}

type Directory = { readonly entries: readonly string[] | undefined; readonly problems: readonly Problem[] };

/**
 * Reads who has which email address, from everywhere that a federation names. To put 100,000 together takes longer than all
 * the rest of a reconcile, so what came of it is kept while all of that stays what it is.
 */
export class EmailAddresses {
	readonly #caches: Caches;
	readonly #configMaps: NamedWatches<ConfigMap>;
	readonly #secrets: NamedWatches<Secret>;
	readonly #directories: Directories;
	readonly #now: () => Date;
	readonly #remembered = new Map<string, Remembered>();

	/** @param options.configMaps of what `spec.emailAddresses` names, and nothing else; `options.secrets` as well */
	constructor(options: {
		caches: Caches;
		configMaps: NamedWatches<ConfigMap>;
		secrets: NamedWatches<Secret>;
		directories: Directories;
		now: () => Date;
	}) {
		this.#caches = options.caches;
		this.#configMaps = options.configMaps;
		this.#secrets = options.secrets;
		this.#directories = options.directories;
		this.#now = options.now;
	}

	/** @returns undefined where users have no email addresses */
	async read(federationKey: string, federation: StoredFederation): Promise<EmailAddressesFound | undefined> {
		const { emailAddresses: spec } = federation.spec;
		if (!spec) {
			this.release(federationKey);
			return undefined;
		}
		const named = await this.#named(federationKey, federation.metadata.namespace, spec);
		const directory = spec.ldap && this.#directory(federationKey, spec.ldap, named);
		if (!directory) this.#directories.release(federationKey);
		const { secrets, problems } = this.#merged(federationKey, federation, spec, named, directory);
		return { secrets, problems: [...problems, ...(directory?.problems ?? [])] };
	}

	/** The federation, or what it says of email addresses, is gone. */
	release(federationKey: string): void {
		this.#configMaps.release(federationKey);
		this.#secrets.release(federationKey);
		this.#directories.release(federationKey);
		this.#remembered.delete(federationKey);
	}

	async #named(
		federationKey: string,
		namespace: string,
		{ mappingRefs = [], ldap }: EmailAddressesSpec,
	): Promise<Named> {
		const refs = (kind: "configMapRef" | "secretRef") => mappingRefs.flatMap((ref) => ref[kind]?.name ?? []);
		const configMaps = [...refs("configMapRef"), ...(ldap?.trustedCAs ? [ldap.trustedCAs.configMapRef.name] : [])];
		const secrets = [...refs("secretRef"), ...(ldap?.bindSecretRef ? [ldap.bindSecretRef.name] : [])];
		return {
			configMaps: await this.#configMaps.use(federationKey, namespace, [...new Set(configMaps)]),
			secrets: await this.#secrets.use(federationKey, namespace, [...new Set(secrets)]),
		};
	}

	#directory(federationKey: string, ldap: LdapSpec, named: Named): Directory {
		const question = directoryQuestion(ldap, named, this.#now());
		if ("problem" in question) {
			this.#directories.release(federationKey);
			return { entries: undefined, problems: [question.problem] };
		}
		const refreshSeconds = ldap.refreshSeconds ?? defaults.ldapRefreshSeconds;
		const answer = this.#directories.use(federationKey, question, refreshSeconds);
		if (answer?.failure === undefined) return { entries: answer?.entries, problems: [] };
		const message = `${ldap.url} could not be read: ${answer.failure}. It is tried again and again.`;
		const problem = { reason: "EmailAddressesUnavailable" as const, field: "spec.emailAddresses.ldap", message };
		return { entries: answer.entries, problems: [problem] };
	}

	#merged(
		federationKey: string,
		federation: StoredFederation,
		spec: EmailAddressesSpec,
		named: Named,
		directory: Directory | undefined,
	): EmailAddressesFound {
		const { uid, generation } = federation.metadata;
		const version = `${uid} ${generation}`;
		const known = this.#remembered.get(federationKey);
		const { entries } = directory ?? {};
		const isKnown = known?.federation === version && known.entries === entries;
		if (isKnown && isSame(known.configMaps, named.configMaps) && isSame(known.secrets, named.secrets))
			return known.merged;
		const merged = this.#merge(federation, spec, named, directory);
		this.#remembered.set(federationKey, { ...named, federation: version, entries, merged });
		return merged;
	}

	#merge(
		federation: StoredFederation,
		{ mappingRefs = [] }: EmailAddressesSpec,
		named: Named,
		directory: Directory | undefined,
	): EmailAddressesFound {
		const domains = localDomains(federation);
		const texts = textSources(mappingRefs, named);
		const fromDirectory = directory?.entries ? [directorySource(directory.entries, domains)] : [];
		const merged = mergeMappings([...texts.sources, ...fromDirectory], domains);
		const problems = [...texts.problems, ...(merged.ok ? [] : merged.problems)];
		// With a part alone, users of the others would lose their addresses.
		const isWhole = texts.problems.length === 0 && (!directory || directory.entries !== undefined);
		if (!merged.ok || !isWhole) return { secrets: undefined, problems };
		const files = mappingFiles(merged.mapping);
		if (!files) return { secrets: undefined, problems: [...problems, tooLong] };
		return {
			secrets: emailAddressSecrets(federation.metadata, files, this.#writtenAt(federation, files.index)),
			problems,
		};
	}

	/** As long as nothing changes, the time stays, so that nothing is written. */
	#writtenAt({ metadata: { namespace, name } }: StoredFederation, index: string): string {
		const key = objectKey(namespace, emailAddressesName(name, emailAddressFiles.index));
		const stored = this.#caches.secrets.store.get(key);
		const before = stored && readEmailAddresses(stored);
		return (before?.index === index ? before.writtenAt : undefined) ?? this.#now().toISOString();
	}
}

const tooLong: Problem = {
	reason: "EmailAddressesInvalid",
	field: "spec.emailAddresses",
	message: `has more than ${mostFileBytes * mostMappingFiles} bytes in all its sources.`,
};

/** What to ask a directory, or what is missing for that. */
function directoryQuestion(
	ldap: LdapSpec,
	{ configMaps, secrets }: Named,
	now: Date,
): DirectoryQuestion | { readonly problem: Problem } {
	const unavailable = (field: string, message: string) => ({
		problem: { reason: "EmailAddressesUnavailable" as const, field: `spec.emailAddresses.ldap.${field}`, message },
	});
	const { userAttribute = defaults.ldapUserAttribute, mailAttribute = defaults.ldapMailAttribute } = ldap;
	const bindName = ldap.bindSecretRef?.name;
	const bind = bindName === undefined ? undefined : secrets.get(bindName)?.data;
	if (bindName !== undefined && !(bind?.["username"] && bind["password"])) {
		const what = bind ? "has no username or no password" : "does not exist in this namespace";
		return unavailable("bindSecretRef", `Secret "${bindName}" ${what}. Put both there: username is a DN.`);
	}
	// Who may name a Secret in a federation, and not read it, must not have it sent to a server of their choice.
	if (bind && decoded(bind["url"]) !== ldap.url) {
		const message = `Secret "${bindName}" does not say that it is for ${ldap.url}. If it is, put that there with the key url.`;
		return unavailable("bindSecretRef", message);
	}
	const { configMapRef } = ldap.trustedCAs ?? {};
	const field = "trustedCAs.configMapRef";
	const configMap = configMapRef && configMaps.get(configMapRef.name);
	const authorities =
		configMapRef && authoritiesIn({ ...configMapRef, field }, configMap && { data: configMap.data ?? {} }, false, now);
	if (authorities?.ok === false) return unavailable(field, authorities.problem.message);
	return {
		url: ldap.url,
		startTLS: ldap.startTLS ?? defaults.ldapStartTLS,
		authorities: authorities && decoded(authorities.value.bundle),
		credentials: bind && { username: decoded(bind["username"]), password: decoded(bind["password"]) },
		baseDN: ldap.baseDN,
		filter: ldap.filter ?? `(&(${userAttribute}=*)(${mailAttribute}=*))`,
		userAttribute,
		mailAttribute,
	};
}

function decoded(base64: string | undefined): string {
	return Buffer.from(base64 ?? "", "base64").toString("utf8");
}

/**
 * Writes the mapping where it is another one. Routers take it over once the index names what they have, so that comes last.
 */
export async function writeEmailAddresses(
	{ files, index }: EmailAddressSecrets,
	writer: FederationWriter,
): Promise<void> {
	for (const secret of files) if (!(await writer.applySecret(secret))) return;
	await writer.applySecret(index);
}
