/**
 * Stands in the bundle for the generated client of @kubernetes/client-node, which `KubeConfig` imports for
 * `makeApiClient` alone, and nothing here calls that. With the real one the bundle would have 2.5 MB instead of 2.0 MB and
 * the idle process 20 MB more: docs/decisions/0003.
 */
export function createConfiguration(): never {
	throw new Error("the generated client of @kubernetes/client-node is not in the bundle");
}

export const ServerConfiguration = createConfiguration;
