import { stringify } from "yaml";
import type { Condition } from "../../../src/api/conditions.ts";

/**
 * Resources in every state that Argo CD tells apart, with the health that they should have. Their statuses are what the
 * operator's own functions make of what they see; of these, what the scripts read is kept.
 */

export type Health = "Progressing" | "Degraded" | "Suspended" | "Healthy";

export interface Resource {
	readonly apiVersion: string;
	readonly kind: string;
	readonly metadata: {
		readonly name: string;
		readonly namespace: string;
		readonly generation: number;
		readonly annotations?: Readonly<Record<string, string>>;
	};
	readonly spec: unknown;
	readonly status?: { readonly conditions: readonly Condition[] };
}

export interface State {
	/** Name of the file in testdata, without `.yaml`: `HEALTH_WHY`. */
	readonly name: string;
	readonly health: Health;
	/** A part of the message, which is that of the condition that decides. */
	readonly message: string;
	readonly resource: Resource;
}

export function state(health: Health, why: string, message: string, resource: Resource): State {
	return { name: `${health.toLowerCase()}_${why}`, health, message, resource };
}

/** Types of the conditions that decide. DNS and other federations are not the resource's own: see docs/argocd.md. */
const deciding = ["Accepted", "Programmed", "Ready", "Progressing", "Degraded", "CertificateValid"];

/** What the scripts read of a status. */
export const conditionsOf = ({ conditions = [] }: { readonly conditions?: readonly Condition[] }) => ({
	conditions: conditions.filter(({ type }) => deciding.includes(type)),
});

export const yaml = (value: unknown) => stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
