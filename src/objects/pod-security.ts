/** The user of our images. */
export const gatewayUser = 10001;

/** What the restricted Pod Security Standard asks of a pod. */
export function podSecurityContext(user: number) {
	return {
		runAsNonRoot: true,
		runAsUser: user,
		runAsGroup: user,
		fsGroup: user,
		fsGroupChangePolicy: "OnRootMismatch",
		seccompProfile: { type: "RuntimeDefault" },
	};
}

/** What the restricted Pod Security Standard asks of a container, and a read-only root file system. */
export function containerSecurityContext(addedCapabilities: readonly "NET_BIND_SERVICE"[] = []) {
	return {
		allowPrivilegeEscalation: false,
		readOnlyRootFilesystem: true,
		capabilities: { drop: ["ALL"], ...(addedCapabilities.length > 0 && { add: [...addedCapabilities] }) },
	};
}
