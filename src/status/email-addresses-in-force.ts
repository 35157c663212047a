import { describeProblems } from "../model/problem.ts";
import { type Reasons, type Verdict, verdicts } from "./condition.ts";
import { emailAddressNodes } from "./email-address-nodes.ts";
import type { FederationObservation } from "./federation-observation.ts";

/** Those of problems besides. */
export const emailAddressesInForceReasons = {
	InForce: "True",
	NodesPending: "False",
	DirectoryNotRead: "False",
	NoMapping: "False",
	NotReported: "Unknown",
	NotAccepted: "Unknown",
} as const satisfies Reasons;

const verdict = verdicts(emailAddressesInForceReasons);

type Earlier = Verdict & { readonly observedGeneration?: number };

/**
 * EmailAddressesInForce: every router has the mapping that the resource asks for, by what the routers themselves say.
 * Absent where `spec.emailAddresses` is.
 */
export function emailAddressesInForce(observation: FederationObservation, previous?: Earlier): Verdict | undefined {
	const { intent, emailAddresses } = observation;
	if (!intent) {
		const message = "The resource is not accepted: what was in force stays; see the condition Accepted.";
		return previous && verdict("NotAccepted", message);
	}
	if (!emailAddresses) return undefined;
	const { given, isAwaited, problems } = emailAddresses;
	const [problem] = problems;
	if (problem) {
		const meanwhile = given ? "The mapping before stays in force until that is mended." : nobody;
		return { status: "False", reason: problem.reason, message: `${describeProblems(problems)} ${meanwhile}` };
	}
	if (isAwaited) {
		// After a start of the operator nothing has changed.
		if (given && previous?.status === "True" && previous.observedGeneration === observation.generation) return previous;
		const meanwhile = given ? "The mapping before stays in force until then." : nobody;
		return verdict("DirectoryNotRead", `The directory has not been read yet. ${meanwhile}`);
	}
	const nodes = emailAddressNodes(observation);
	if (!nodes || !given)
		return verdict("NoMapping", `The mapping is not written; see the condition Degraded. ${nobody}`);
	const pending = nodes
		.filter(({ state }) => state === "Pending")
		.map(({ name, failure }) => (failure === undefined ? name : `${name} (${failure})`));
	if (pending.length > 0) return verdict("NodesPending", `Not yet on ${pending.join(", ")}.`);
	const unknown = nodes.filter(({ state }) => state === "Unknown").map(({ name }) => name);
	if (unknown.length > 0) {
		const message =
			`The router of ${unknown.join(", ")} has not told the operator which addresses it uses: it cannot be asked, or its ` +
			"image is too old to say so.";
		return verdict("NotReported", message);
	}
	const message = `All ${nodes.length} nodes have the addresses of ${given.mappings} users.`;
	return verdict("InForce", message);
}

const nobody = "Until then nothing of users goes out or comes in.";

/** For `status.emailAddresses`. */
export function emailAddressesStatus(observation: FederationObservation) {
	const { given } = observation.emailAddresses ?? {};
	if (!given) return {};
	const inForce = emailAddressNodes(observation)?.filter(({ state }) => state === "InForce") ?? [];
	return { emailAddresses: { mappings: given.mappings, digest: given.digest, nodesInForce: inForce.length } };
}
