import { pino } from "pino";
import type { KubernetesClient } from "../kubernetes/client.ts";
import type { Observed } from "../kubernetes/object.ts";
import { Reflector } from "../kubernetes/reflector.ts";
import { connectionHelp, connectionOptions, parseArguments, positionals } from "./arguments.ts";
import type { Command } from "./command.ts";
import { withCluster } from "./connect.ts";
import { type DataForm, dataForm, dataText } from "./data.ts";
import { UsageError } from "./failure.ts";
import { viewOf } from "./federation-view.ts";
import { type FederationObject, federations, federationsIn } from "./federations.ts";
import { interruption } from "./interruption.ts";
import { detailsText, overviewText } from "./status-text.ts";
import type { Terminal } from "./terminal.ts";

const options = {
	...connectionOptions,
	"all-namespaces": { type: "boolean", short: "A" },
	output: { type: "string", short: "o" },
	watch: { type: "boolean", short: "w" },
} as const;

export const status: Command = {
	name: "status",
	summary: "nodes, roll-outs, conditions, endpoints and DNS records",
	help: `Shows federations: one line for each, or all of one.

Usage: kubectl xmppfed status [NAME] [-n NAMESPACE | -A] [--watch] [-o json|yaml]

  -A, --all-namespaces   federations of all namespaces
  -w, --watch            goes on to show what changes, until it is interrupted
  -o, --output FORM      json or yaml: the resources; with --watch one document for each change
${connectionHelp}

The exit code is 0 also where a federation is not Ready. To wait for that:
kubectl wait --for=condition=Ready xmppfederation/NAME`,
	examples: ["status", "status example --watch", "status -A -o yaml"],
	options,
	takes: ["federation"],
	run: async (args, terminal) => {
		const { values, positionals: given } = parseArguments("status", args, options);
		const [name] = positionals("status", given, ["NAME"], 0);
		const form = dataForm("status", values.output);
		const all = values["all-namespaces"] ?? false;
		if (all && name !== undefined) throw new UsageError("a NAME is of one namespace: leave -A out", "status");
		return await withCluster(values, async ({ client, namespace }) => {
			const scope = { namespace: all ? undefined : namespace, name };
			const show = form ? dataOf(form) : textOf(terminal);
			if (values.watch) await watch(client, scope, show, form, terminal);
			else await terminal.print(show(await federationsIn(client, scope.namespace, name), scope));
			return 0;
		});
	},
};

interface Scope {
	/** Undefined: all. */
	readonly namespace: string | undefined;
	readonly name: string | undefined;
}

type Show = (objects: readonly Observed<FederationObject>[], scope: Scope) => string;

/** Never returns but where a federation that was asked for by its name is deleted. */
async function watch(
	client: KubernetesClient,
	scope: Scope,
	show: Show,
	form: DataForm | undefined,
	terminal: Terminal,
): Promise<void> {
	// Says what is wrong with the arguments or the rights before it goes on trying for ever.
	await federationsIn(client, scope.namespace, scope.name);
	const stopping = new AbortController();
	let changed = Promise.withResolvers<void>();
	const reflector = new Reflector<FederationObject>({
		client,
		log: pino({ level: "warn" }, { write: (line) => terminal.note(interruption(line)) }),
		resource: federations,
		...(scope.namespace !== undefined && { namespace: scope.namespace }),
		...(scope.name !== undefined && { fieldSelector: `metadata.name=${scope.name}` }),
		onChange: () => changed.resolve(),
	});
	const running = reflector.run(stopping.signal);
	await reflector.synced;
	let shown = "";
	for (;;) {
		const objects = reflector.store.list();
		if (scope.name !== undefined && objects.length === 0) {
			terminal.note(`the XmppFederation ${scope.name} was deleted`);
			break;
		}
		const text = show(objects, scope);
		if (text !== shown) await terminal.print(terminal.isInteractive ? `${clear}${text}` : separated(shown, text, form));
		shown = text;
		await changed.promise;
		changed = Promise.withResolvers();
	}
	stopping.abort();
	await running;
}

/** Clears the screen and goes to its top. */
const clear = "\u001B[2J\u001B[3J\u001B[H";

function separated(before: string, text: string, form: DataForm | undefined): string {
	if (before === "" || form === "json") return text;
	return form === "yaml" ? `---\n${text}` : `\n${text}`;
}

function textOf({ paint }: Terminal): Show {
	return (objects, { namespace, name }) => {
		const views = sorted(objects).map(viewOf);
		const [first] = views;
		if (!first && namespace === undefined) return "No XmppFederation.";
		if (!first) return `No XmppFederation in namespace ${namespace}. All namespaces: kubectl xmppfed status -A`;
		return name === undefined ? overviewText(views, namespace === undefined, paint) : detailsText(first, paint);
	};
}

function dataOf(form: DataForm): Show {
	return (objects, { name }) => {
		const items = sorted(objects).map(withoutManagedFields);
		return dataText(form, name === undefined ? { apiVersion: "v1", kind: "List", items } : items[0]);
	};
}

function sorted(objects: readonly Observed<FederationObject>[]): readonly Observed<FederationObject>[] {
	const key = ({ metadata }: FederationObject) => `${metadata.namespace}/${metadata.name}`;
	return objects.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

function withoutManagedFields(object: FederationObject): FederationObject {
	const metadata = Object.fromEntries(Object.entries(object.metadata).filter(([field]) => field !== "managedFields"));
	return { ...object, metadata: { ...metadata, name: object.metadata.name } };
}
