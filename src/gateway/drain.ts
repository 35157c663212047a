/** How long a planned stop takes at most, in seconds. The pod's grace period must be longer than all of it. */
export const drain = {
	/** Still accepting, not ready: the time for DNS, Services and load balancers to take the process out. */
	deregistrationSeconds: 5,
	/** From then on until every stream must be closed. */
	limitSeconds: 20,
	/** What `terminationGracePeriodSeconds` must be at least: both of the above, the links' answers, and some slack. */
	graceSeconds: 40,
} as const;
