import { credentialNames } from "../gateway/layout.ts";
import { objectKey } from "../kubernetes/object.ts";
import type { Certificate, ConfigMap, Secret } from "../kubernetes/resources.ts";
import type { AcceptedAlias } from "../model/aliases.ts";
import { isSelfSignedFor } from "../model/certificate.ts";
import { dialbackOrder } from "../model/dialback-order.ts";
import { localDomains, publicDomains } from "../model/domains.ts";
import { pairOf } from "../model/federation-credentials.ts";
import type {
	FederationInputs,
	GeneratedSecrets,
	NodeSecrets,
	OperatorDefaults,
	SecretContent,
} from "../model/federation-inputs.ts";
import { type KeptImage, keptImage } from "../model/kept-image.ts";
import { generatedSecretName, issuedCertificateName, selfSignedSecretName } from "../model/names.ts";
import type { StoredFederation } from "../model/stored-federation.ts";
import { imageFromAnnotation, restartAnnotation, revisionAnnotation } from "../objects/annotations.ts";
import { generatedKeys, generatedSecret, selfSignedSecret } from "../objects/generated-secrets.ts";
import { nodeLabel } from "../objects/labels.ts";
import { recordedIntent, revisionedName } from "../objects/node-configuration.ts";
import type { Caches } from "./caches.ts";
import { ensureRotatedDialback } from "./dialback.ts";
import type { FederationWriter } from "./federation-writer.ts";
import { makeGeneratedValues } from "./generated-values.ts";
import { ensureIssuance } from "./issuance.ts";
import type { NamedWatches } from "./named-watches.ts";
import type { OptionalKind } from "./optional-kind.ts";
import { makeSelfSignedCertificate } from "./self-signed-certificate.ts";

interface Sources {
	readonly caches: Caches;
	readonly secretWatches: NamedWatches<Secret>;
	readonly configMapWatches: NamedWatches<ConfigMap>;
	readonly certificates: OptionalKind<Certificate>;
	readonly defaults: OperatorDefaults;
	readonly now: () => Date;
}

/**
 * Reads the Secrets and ConfigMaps that a federation refers to, and makes those that the operator generates where they are missing.
 *
 * @returns undefined where a generated Secret cannot be made; the writer has the obstacle then
 */
export async function gatherInputs(
	key: string,
	federation: StoredFederation,
	aliases: readonly AcceptedAlias[],
	sources: Sources,
	writer: FederationWriter,
): Promise<Omit<FederationInputs, "defaults"> | undefined> {
	const { caches, secretWatches, configMapWatches, certificates, now } = sources;
	const { certificate, dialback, trustedCAs } = federation.spec.security ?? {};
	const { namespace, name } = federation.metadata;
	const certificateName = certificate?.issuerRef ? issuedCertificateName(name) : certificate?.secretName;
	const dialbackName = dialback?.secretRef?.name;
	const authoritiesName = trustedCAs?.configMapRef?.name;
	const given = await secretWatches.use(key, namespace, present(certificateName, dialbackName));
	const configMaps = await configMapWatches.use(key, namespace, present(authoritiesName));
	const domains = publicDomains(localDomains(federation), aliases);
	const issuance = await ensureIssuance(key, federation, domains, certificates, writer);
	const generated = await ensureGenerated(key, federation, caches, writer);
	if (!generated) return undefined;
	const selfSigned = certificate ? undefined : await ensureSelfSigned(key, federation, domains, caches, writer, now());
	if (!certificate && !selfSigned) return undefined;
	const { at } = dialbackOrder(federation, now());
	const rotated = await ensureRotatedDialback(key, federation.metadata, at, caches, writer);
	return {
		generated: { ...generated, ...(rotated && { dialback: rotated }), ...(selfSigned && { selfSigned }) },
		certificate: contentOf(certificateName === undefined ? undefined : given.get(certificateName)),
		issuance,
		aliases,
		trustedCAs: textsOf(authoritiesName === undefined ? undefined : configMaps.get(authoritiesName)),
		dialback: contentOf(dialbackName === undefined ? undefined : given.get(dialbackName)),
		keptImages: keptImages(key, federation, sources, writer),
		runningRevisions: said(revisionAnnotation, key, caches, writer),
		carriedOutRestarts: said(restartAnnotation, key, caches, writer),
	};
}

async function ensureGenerated(
	key: string,
	federation: StoredFederation,
	caches: Caches,
	writer: FederationWriter,
): Promise<Omit<GeneratedSecrets, "selfSigned"> | undefined> {
	const { namespace, name } = federation.metadata;
	const cached = caches.secrets.store.get(objectKey(namespace, generatedSecretName(name)));
	const secret =
		cached && writer.owns(cached)
			? cached
			: await writer.createSecret(generatedSecret(federation.metadata, valuesInUse(key, caches, writer)));
	const data = secret?.data;
	if (!data) return undefined;
	const value = (field: keyof typeof generatedKeys) => data[generatedKeys[field]] ?? "";
	return { dialback: value("dialback"), link: value("link"), digestKey: value("digestKey") };
}

/**
 * Values for a generated Secret: those that nodes run with where somebody deleted the Secret, so that nothing has to
 * restart; new ones otherwise.
 */
function valuesInUse(
	key: string,
	caches: Caches,
	writer: FederationWriter,
): Record<keyof typeof generatedKeys, string> {
	for (const secret of caches.secrets.store.byIndex(key)) {
		const {
			[credentialNames.dialback]: dialback,
			[credentialNames.link]: link,
			[generatedKeys.digestKey]: digestKey,
		} = secret.data ?? {};
		if (writer.owns(secret) && dialback && link && digestKey) return { dialback, link, digestKey };
	}
	return makeGeneratedValues();
}

async function ensureSelfSigned(
	key: string,
	federation: StoredFederation,
	domains: readonly string[],
	caches: Caches,
	writer: FederationWriter,
	now: Date,
): Promise<SecretContent | undefined> {
	const { namespace, name } = federation.metadata;
	const cached = caches.secrets.store.get(objectKey(namespace, selfSignedSecretName(name, domains)));
	const pair = async () =>
		certificateInUse(key, domains, caches, writer) ?? (await makeSelfSignedCertificate(domains, now));
	const secret =
		cached && writer.owns(cached)
			? cached
			: await writer.createSecret(selfSignedSecret(federation.metadata, domains, await pair()));
	const content = contentOf(secret);
	return content && pairOf(content) ? content : undefined;
}

/**
 * The self-signed certificate for these domains that nodes run with, where its Secret is gone: somebody deleted it, or
 * other domains were asked for in between and no node was restarted for them. So nothing has to restart.
 */
function certificateInUse(
	key: string,
	domains: readonly string[],
	caches: Caches,
	writer: FederationWriter,
): NodeSecrets["certificate"] | undefined {
	for (const secret of caches.secrets.store.byIndex(key)) {
		const pair = pairOf({ data: secret.data ?? {} });
		if (!writer.owns(secret) || !pair) continue;
		const pem = Buffer.from(pair.certificate, "base64").toString("utf8");
		if (isSelfSignedFor(pem, domains)) return pair;
	}
	return undefined;
}

/** What an annotation of nodes' Deployments says, by node: it was written with the restart itself. */
function said(annotation: string, key: string, caches: Caches, writer: FederationWriter): ReadonlyMap<string, string> {
	const found = caches.deployments.store.byIndex(key).flatMap((deployment): [string, string][] => {
		const node = deployment.metadata.labels?.[nodeLabel];
		const value = deployment.metadata.annotations?.[annotation];
		return node !== undefined && value !== undefined && writer.owns(deployment) ? [[node, value]] : [];
	});
	return new Map(found);
}

/** Each once. */
function present(...names: readonly (string | undefined)[]): readonly string[] {
	return [...new Set(names.filter((name) => name !== undefined))];
}

function textsOf(configMap: ConfigMap | undefined): FederationInputs["trustedCAs"] {
	return configMap && { data: configMap.data ?? {} };
}

function contentOf(secret: Secret | undefined): SecretContent | undefined {
	return secret && { type: secret.type, data: secret.data ?? {} };
}

/** Of what nodes' Deployments ask for. Those that have this operator's image need not keep it. */
function keptImages(
	key: string,
	{ status }: StoredFederation,
	{ caches, defaults }: Sources,
	writer: FederationWriter,
): ReadonlyMap<string, KeptImage> {
	const found = caches.deployments.store.byIndex(key).flatMap((deployment): [string, KeptImage][] => {
		const { name, namespace, labels, annotations } = deployment.metadata;
		const [node, revision] = [labels?.[nodeLabel], annotations?.[revisionAnnotation]];
		if (node === undefined || revision === undefined || !writer.owns(deployment)) return [];
		const containers = deployment.spec?.template.spec?.containers ?? [];
		if (containers.every(({ image }) => image === defaults.gatewayImage)) return [];
		const record = caches.configMaps.store.get(objectKey(namespace, revisionedName(name, revision)));
		const applied = recordedIntent(record);
		const kept = keptImage({ revision, imageFrom: annotations?.[imageFromAnnotation], applied }, status);
		return kept ? [[node, kept]] : [];
	});
	return new Map(found);
}
