import { ApiError, ApiUnreachableError, type Call, type StatusDetails } from "../kubernetes/errors.ts";

/** Something that the user can mend: printed as it is, without a stack. */
export class Failure extends Error {
	override readonly name = "Failure";
}

/** Wrong arguments; the help of the command is pointed at. */
export class UsageError extends Failure {
	readonly command: string | undefined;

	constructor(message: string, command?: string) {
		super(message);
		this.command = command;
	}
}

/** What went wrong and what to do, for people: never a stack. */
export function explain(error: unknown): string {
	if (error instanceof UsageError) {
		const help = ["kubectl xmppfed", error.command, "--help"].filter((part) => part !== undefined).join(" ");
		return `${error.message}\nSee: ${help}`;
	}
	if (error instanceof Failure) return error.message;
	if (error instanceof ApiUnreachableError) {
		return `${error.message}\nIs the cluster running, and is this the right context? See: kubectl config current-context`;
	}
	if (error instanceof ApiError) return explainRefusal(error);
	// Also what programs say that the kubeconfig names for logging in.
	return error instanceof Error ? error.message : String(error);
}

function explainRefusal(error: ApiError): string {
	const { call, status } = error;
	if (status === 401) return `the API server does not know you: ${serverMessage(error)}\nLog in to the cluster again.`;
	if (status === 403) return explainForbidden(error);
	if (status === 404 && error.reason !== "NotFound" && call.resource.startsWith("xmppfederations")) {
		return (
			"this cluster does not know XmppFederation: the operator's CRDs are not installed\n" +
			"Install them from the operator's sources: kubectl apply --server-side -f crds"
		);
	}
	const { causes = [] } = error.details;
	if (causes.length > 0) {
		return `the API server refuses ${objectOf(call)}:\n${causes.map(causeLine).join("\n")}`;
	}
	return `the API server refuses to ${call.verb} ${call.resource} (${status} ${error.reason}): ${serverMessage(error)}`;
}

function causeLine({ field, message = "" }: NonNullable<StatusDetails["causes"]>[number]): string {
	// Before what it cannot decode of a patch the API server puts the whole object, with its status.
	const [, undecoded] = /: strict decoding error: (.*)$/s.exec(message) ?? [];
	if (undecoded !== undefined) return `  ${undecoded}`;
	return field ? `  ${field}: ${message}` : `  ${message}`;
}

/** RBAC names rights by these verbs; `apply` is none of them. */
function explainForbidden(error: ApiError): string {
	const { call } = error;
	const verb = call.verb === "apply" ? "patch" : call.verb;
	const role = ["get", "list", "watch"].includes(verb) ? "view" : "edit";
	const where = call.namespace === undefined ? "in all namespaces" : `in namespace ${call.namespace}`;
	return (
		`you may not ${verb} ${call.resource} ${where}: ${serverMessage(error)}\n` +
		`Ask for a role with the verb ${verb} on ${call.resource}, such as the cluster role ${role}.`
	);
}

function objectOf({ resource, namespace, name }: Call): string {
	return [resource, [namespace, name].filter((part) => part !== undefined).join("/")].join(" ").trim();
}

/** The words of the API server, without what {@link ApiError} puts before them. */
export function serverMessage({ message, status, reason }: ApiError): string {
	const mark = `: ${status} ${reason}: `;
	const at = message.indexOf(mark);
	return at < 0 ? message : message.slice(at + mark.length);
}
