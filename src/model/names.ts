import { shortHash } from "./revision.ts";

/**
 * Names of the objects of a federation: FEDERATION-PART-SHORTHASH. The hash is over the full names, so that what has to
 * be shortened or replaced to be a DNS-1035 label (Services need one; 63 characters) stays distinct.
 */
export function objectName(federationName: string, part: string, ...distinguishedBy: readonly string[]): string {
	const hash = shortHash([federationName, part, ...distinguishedBy].join("/")).slice(0, 8);
	const readable = `${federationName}-${part}`.toLowerCase().replace(/[^a-z0-9]+/g, "-");
	const startsWithLetter = /^[a-z]/.test(readable) ? readable : `x${readable}`;
	return `${startsWithLetter.slice(0, 63 - 1 - hash.length).replace(/-+$/, "")}-${hash}`;
}

export const publicServiceName = (federation: string) => objectName(federation, "public");
export const internalServiceName = (federation: string) => objectName(federation, "internal");
export const linksServiceName = (federation: string) => objectName(federation, "links");
export const disruptionBudgetName = (federation: string) => objectName(federation, "enabled-nodes");
export const resolverName = (federation: string) => objectName(federation, "resolver");
export const nodeObjectName = (federation: string, node: string) => objectName(federation, `node-${node}`);
export const generatedSecretName = (federation: string) => objectName(federation, "generated");
/** One for each set of domains: a certificate cannot get names later. */
export const selfSignedSecretName = (federation: string, domains: readonly string[]) =>
	objectName(federation, "self-signed", ...domains);

/** A label value (63 characters at most) that is the name itself where it fits. */
export function labelValue(name: string): string {
	return name.length <= 63 ? name : `${name.slice(0, 54)}-${shortHash(name).slice(0, 8)}`;
}

/** The name by which pods anywhere in the Kubernetes cluster find a Service. */
export function serviceHost(name: string, namespace: string, clusterDomain: string): string {
	return `${name}.${namespace}.svc.${clusterDomain}`;
}
