/**
 * Stands in the bundle for the generated client of @kubernetes/client-node, which `KubeConfig` imports for
 * `makeApiClient` alone, and nothing here calls that. With the real one the bundle would have 0.5 MB more and
 * the idle process 20 MB more: docs/decisions/0003.
 */
export function createConfiguration(): never {
	throw new Error("the generated client of @kubernetes/client-node is not in the bundle");
}

export const ServerConfiguration = createConfiguration;
