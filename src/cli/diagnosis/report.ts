import type { OperatorInstallation } from "../operators.ts";
import type { Known } from "./facts.ts";

/**
 * OK: as it should be. Difference: clusters, federations or nodes are not alike. Problem: something does not work, or soon
 * will not. Unknown: it could not be looked at.
 */
export type DiagnosisVerdict = "OK" | "Difference" | "Problem" | "Unknown";

export interface DiagnosisCheck {
	/** What was looked at, such as `Policy`. */
	readonly check: string;
	readonly verdict: DiagnosisVerdict;
	/** What was found, for people. */
	readonly finding: string;
	/** What to do; absent where nothing is to be done. */
	readonly remedy?: string;
}

/** What `kubectl xmppfed diagnose` reports. */
export interface Diagnosis {
	readonly at: string;
	readonly clusters: readonly DiagnosedCluster[];
	readonly domains: readonly DiagnosedDomain[];
	/** Of the clusters themselves. */
	readonly checks: readonly DiagnosisCheck[];
	/** Of all checks. */
	readonly summary: Readonly<Record<DiagnosisVerdict, number>>;
}

export interface DiagnosedCluster {
	readonly cluster: string;
	readonly operators: readonly OperatorInstallation[];
}

export interface DiagnosedDomain {
	readonly domain: string;
	readonly federations: readonly DiagnosedFederation[];
	/** Problems first. */
	readonly checks: readonly DiagnosisCheck[];
}

export interface DiagnosedFederation {
	readonly cluster: string;
	readonly namespace: string;
	readonly name: string;
	readonly nodes: readonly {
		readonly name: string;
		readonly federation: string;
		readonly ready: boolean;
		readonly state: string;
	}[];
	readonly endpoints: readonly { readonly host: string; readonly port: number; readonly reached: boolean }[];
	/** Absent where the gateways could not be asked. */
	readonly peers?: readonly { readonly peer: string; readonly connected: boolean; readonly failure?: string }[];
}

export const verdicts: readonly DiagnosisVerdict[] = ["Problem", "Difference", "Unknown", "OK"];

export function ok(check: string, finding: string): DiagnosisCheck {
	return { check, verdict: "OK", finding };
}

export function problem(check: string, finding: string, remedy: string): DiagnosisCheck {
	return { check, verdict: "Problem", finding, remedy };
}

export function difference(check: string, finding: string, remedy: string): DiagnosisCheck {
	return { check, verdict: "Difference", finding, remedy };
}

export function unknown(check: string, finding: string, remedy?: string): DiagnosisCheck {
	return { check, verdict: "Unknown", finding, ...(remedy !== undefined && { remedy }) };
}

/** Those that are known. */
export function values<Value>(all: readonly Known<Value>[]): readonly Value[] {
	return all.flatMap((one) => ("value" in one ? [one.value] : []));
}
