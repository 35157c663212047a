/**
 * Stands in the bundle for what @dot-i/k8s-operator imports from @kubernetes/client-node and gaxios. Its base class
 * touches these names in its constructor only, and OperatorProcess replaces what it makes there. With the real modules
 * the bundle would have 4.3 MB instead of 1.4 MB and the idle process 107 MB instead of 83 MB: docs/decisions/0002.
 */
export class KubeConfig {
	loadFromDefault(): void {
		// OperatorProcess is given the configuration.
	}

	makeApiClient(): undefined {
		return undefined;
	}
}
