/** What a process says that it has in force of what it takes over while it runs. */
export interface ProcessReport {
	/** Revision of its settings; undefined where it has not taken all of them. */
	readonly settings: string | undefined;
	/** SHA-256 of the chain of its certificate (tls.crt), in hexadecimal digits. */
	readonly certificate: string | undefined;
	/** Absent: a router, which has none, or a federation connection manager that does not say. */
	readonly policy?: PolicyReport;
	/** SHA-256 of the file of each setting that it uses, by the name of the setting. Absent: it does not say. */
	readonly used?: Readonly<Record<string, string>>;
	/** Why it uses what it had before. */
	readonly failure?: string;
}

/** What a federation connection manager says of its policy. */
export interface PolicyReport {
	/** Of the policy that it enforces (`policyDigest`); absent where it has none. */
	readonly digest?: string;
	/** Why it does not enforce the one that it was given. */
	readonly failure?: string;
}

/** What a router says of the mapping of users to email addresses. */
export interface MappingReport {
	/** Of the mapping that it uses (`mappingDigest`); absent where it has none. */
	readonly digest?: string;
	/** Why it does not use the one that it was given. */
	readonly failure?: string;
}

/** What the processes of a node should have in force. */
export interface WantedLive {
	readonly settings: string;
	readonly certificate: string;
	/** Digest of the policy; undefined: none. */
	readonly policy: string | undefined;
	/** Since when they can have it; undefined where that is not known. */
	readonly since: Date | undefined;
}

/**
 * InForce: every process of the node says so. Unasked: one has not been asked yet. Applying: one says that it has not.
 * Refused: one says that it cannot use it. Overdue: one has taken too long to do so, or to answer.
 */
export interface LiveState {
	readonly state: "InForce" | "Unasked" | "Applying" | "Refused" | "Overdue";
	readonly message: string;
}

/** Aliases that every process of a node uses, of those that it takes over while it runs. */
export interface AliasesInForce {
	/** Of their file (`liveAliasesDigest`); absent: they have none. */
	readonly digest?: string;
}

/**
 * @param given digest of the aliases that the node was given last
 * @param state how far it is with all that it was given
 * @returns undefined where one process did not say, or they do not say the same
 */
export function aliasesInForce(
	given: string | undefined,
	reports: Readonly<Record<string, ProcessReport | undefined>>,
	{ state }: LiveState,
): AliasesInForce | undefined {
	const of = (digest: string | undefined): AliasesInForce => (digest === undefined ? {} : { digest });
	// Gateway images of before tell no more than that.
	if (state === "InForce") return of(given);
	const told = Object.values(reports).map((report) => report?.used && of(report.used["aliases"]));
	const [first] = told;
	return told.every((one) => one !== undefined && one.digest === first?.digest) ? first : undefined;
}

/** Whether a node has not taken over yet what changed. */
export function isTakingOver({ takeOver }: { readonly takeOver?: LiveState | undefined }): boolean {
	return takeOver !== undefined && takeOver.state !== "InForce";
}

/** Milliseconds within which a process takes over what changed: it needs 5 s where nothing is in the way. */
export const liveLimit = 30_000;

/** @param reports of the node's processes, by role; undefined: it did not answer */
export function liveState(
	wanted: WantedLive,
	reports: Readonly<Record<string, ProcessReport | undefined>>,
	now: Date,
): LiveState {
	const late = Object.entries(reports).filter(([, report]) => !isInForce(wanted, report));
	if (late.length === 0) return { state: "InForce", message: "" };
	const [refusal] = late.flatMap(([role, report]) => (report?.failure ? [`${role}: ${report.failure}`] : []));
	if (refusal !== undefined) return { state: "Refused", message: `goes on with what it had before. ${refusal}` };
	const isSilent = late.some(([, report]) => report === undefined);
	const isOverdue = !wanted.since || now.getTime() - wanted.since.getTime() > liveLimit;
	if (!isOverdue && isSilent)
		return { state: "Unasked", message: "has not been asked yet what settings it has in force" };
	if (!isOverdue) return { state: "Applying", message: "takes over what changed while it runs; nothing restarts" };
	const roles = late.map(([role]) => role).join(" and ");
	const message = isSilent
		? `cannot be asked by the operator whether it has taken over what changed (${roles})`
		: `has not taken over what changed within ${liveLimit / 1000} s (${roles}); see the log of its pod`;
	return { state: "Overdue", message };
}

function isInForce({ settings, certificate, policy }: WantedLive, report: ProcessReport | undefined): boolean {
	// A long policy is in force some time after the settings that name it.
	const enforces = !report?.policy || report.policy.digest === policy;
	return report?.settings === settings && report.certificate === certificate && enforces && !report.failure;
}
