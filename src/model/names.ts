import { shortHash } from "./revision.ts";

/**
 * Names of the objects of a federation: FEDERATION-PART-SHORTHASH, a DNS-1035 label of 63 characters at most, as Services
 * need. The hash is over the full names, so that what has to be cut stays distinct. The name of an XmppFederation is such
 * a label itself (40 characters at most), so is that of a node but for its first character.
 */
export function objectName(federationName: string, part: string, ...distinguishedBy: readonly string[]): string {
	return hashedName(`${federationName}-${part}`, [federationName, part, ...distinguishedBy].join("/"), 63);
}

/**
 * READABLE-SHORTHASH, with as much of what can be read as fits.
 *
 * @param whole what the name must be distinct for
 * @param longest in characters
 */
export function hashedName(readable: string, whole: string, longest: number): string {
	const hash = shortHash(whole).slice(0, 8);
	return `${readable.slice(0, longest - 1 - hash.length).replace(/-+$/, "")}-${hash}`;
}

export const publicServiceName = (federation: string) => objectName(federation, "public");
/** The Service of a node that peers reach by itself. */
export const nodeServiceName = (federation: string, node: string) => objectName(federation, `public-${node}`);
/** The Service of a Direct alias. */
export const aliasServiceName = (federation: string, alias: string) => objectName(federation, `alias-${alias}`);
export const internalServiceName = (federation: string) => objectName(federation, "internal");
export const linksServiceName = (federation: string) => objectName(federation, "links");
export const disruptionBudgetName = (federation: string) => objectName(federation, "enabled-nodes");
export const gatewayNetworkPolicyName = (federation: string) => objectName(federation, "gateway");
export const resolverName = (federation: string) => objectName(federation, "resolver");
export const nodeObjectName = (federation: string, node: string) => objectName(federation, `node-${node}`);
export const generatedSecretName = (federation: string) => objectName(federation, "generated");
/** One for each set of domains: a certificate cannot get names later. */
export const selfSignedSecretName = (federation: string, domains: readonly string[]) =>
	objectName(federation, "self-signed", ...domains);
/** A list of exceptions of the federation's policy. @param digest SHA-256 of its text */
export const policyListName = (federation: string, digest: string) => objectName(federation, "policy", digest);
/** The same of a federation with the strategy Live, by its place. */
export const livePolicyListName = (federation: string, index: number) => objectName(federation, `policy-live-${index}`);
/** Files of the mapping of users to email addresses, by their names; routers mount them. */
export const emailAddressesName = (federation: string, file: string) =>
	objectName(federation, `email-addresses-${file.replace(/\..*/, "")}`);
/** The Certificate of cert-manager, and the Secret that it puts the certificate into. */
export const issuedCertificateName = (federation: string) => objectName(federation, "certificate");
/** The DNSEndpoint of external-dns. */
export const dnsEndpointName = (federation: string) => objectName(federation, "dns");
/** The dialback secrets that are accepted; every gateway pod mounts it. */
export const acceptedDialbackName = (federation: string) => objectName(federation, "dialback");
/** One for each time at which another one was asked for. */
export const rotatedDialbackName = (federation: string, at: string) => objectName(federation, "dialback-rotated", at);
/** The authority of a federation's links; no pod has it. */
export const linkAuthoritySecretName = (federation: string) => objectName(federation, "link-authority");
/** The certificate of both ends of the links, and the authorities that they trust; every gateway pod mounts it. */
export const linkCertificateSecretName = (federation: string) => objectName(federation, "link-certificate");

/**
 * The name that both ends of a link must have in their certificate. Nobody looks it up. A name of the federation takes 40
 * characters at most and that of a namespace 63, so it is a DNS name of some 130 at most.
 */
export function linkTlsName(federation: string, namespace: string): string {
	return `links.${federation}.${namespace}.xmppfed.invalid`;
}

/** The name by which pods anywhere in the Kubernetes cluster find a Service. */
export function serviceHost(name: string, namespace: string, clusterDomain: string): string {
	return `${name}.${namespace}.svc.${clusterDomain}`;
}
