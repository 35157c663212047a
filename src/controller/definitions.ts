import type { Logger } from "pino";
import { z } from "zod";
import { type Kind, type StructuralSchema, structuralSchema } from "../api/crd.ts";
import { apiVersion } from "../api/group.ts";
import { kinds } from "../api/kinds.ts";
import { missingFields } from "../api/known-fields.ts";
import { pause } from "../kubernetes/backoff.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { ApiError } from "../kubernetes/errors.ts";

/** Milliseconds between two looks at definitions that do not fit. */
const interval = 2_000;

/**
 * Waits while one of the definitions (CRDs) is not in the Kubernetes cluster or lacks a field of this operator, and says so in
 * the log: the API server would drop the field from resources and refuse the status, and what runs might be restarted
 * for it. Where they may not be seen, nothing is waited for.
 */
export async function awaitDefinitions(client: KubernetesClient, log: Logger, signal: AbortSignal): Promise<void> {
	let told = "";
	while (!signal.aborted) {
		const lacking = (await lackingParts(client, log, signal)).join(", ");
		if (lacking === "") return;
		if (lacking !== told) log.error(`the operator waits: ${lacking}. ${remedy}`);
		told = lacking;
		await pause(interval, signal);
	}
}

const remedy =
	"Install the custom resource definitions of its version: kubectl apply --server-side -f crds, or the chart with crds.install";

async function lackingParts(client: KubernetesClient, log: Logger, signal: AbortSignal): Promise<readonly string[]> {
	try {
		const served = await servedSchemas(client, signal);
		return kinds.flatMap((kind) => lackingOf(kind, served));
	} catch (error) {
		if (signal.aborted || (error instanceof ApiError && error.status === 403)) return [];
		log.warn({ err: error }, "the custom resource definitions were not read");
		return ["the custom resource definitions cannot be read"];
	}
}

/** What this operator knows of a kind and the API server does not. */
function lackingOf({ group, kind, version, plural, spec, status }: Kind, served: Schemas): string[] {
	// Its name in the document: dev.xmppfed.v1alpha1.XmppFederation.
	const older = served[`${group.split(".").toReversed().join(".")}.${version}.${kind}`];
	if (!older) return [`the CRD ${plural}.${group} is not installed`];
	const own = { properties: { spec: structuralSchema(spec), status: structuralSchema(status) } };
	const fields = missingFields(own, older).map((path) => path.slice(1));
	return fields.length === 0 ? [] : [`the CRD ${plural}.${group} is older than it and lacks ${fields.join(", ")}`];
}

const openApi = z.object({ components: z.object({ schemas: z.record(z.string(), z.custom<StructuralSchema>()) }) });
type Schemas = Readonly<Record<string, StructuralSchema>>;

async function servedSchemas(client: KubernetesClient, signal: AbortSignal): Promise<Schemas> {
	try {
		return openApi.parse(await client.openApi(apiVersion, { signal })).components.schemas;
	} catch (error) {
		// Not one kind of the group is there.
		if (error instanceof ApiError && error.status === 404) return {};
		throw error;
	}
}
