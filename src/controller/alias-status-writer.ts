import type { Logger } from "pino";
import { chatNodeAliasResource, chatNodeAliasStatus } from "../api/chat-node-alias.ts";
import { keyOf, type Observed } from "../kubernetes/object.ts";
import { roomWarnings } from "../model/room-warnings.ts";
import type { StoredFederation } from "../model/stored-federation.ts";
import type { AliasObservation } from "../status/alias-observation.ts";
import { aliasStatus } from "../status/alias-status.ts";
import type { FederationObservation } from "../status/federation-observation.ts";
import type { Aliases, AliasVerdict } from "./aliases.ts";
import { type StatusTarget, writeStatus } from "./write-status.ts";

/** Says in every ChatNodeAlias of a federation how it stands. */
export class AliasStatusWriter {
	readonly #aliases: Aliases;
	readonly #target: StatusTarget;
	readonly #now: () => Date;

	constructor(aliases: Aliases, target: Omit<StatusTarget, "resource">, now: () => Date) {
		this.#aliases = aliases;
		this.#target = { ...target, resource: chatNodeAliasResource };
		this.#now = now;
	}

	async write(
		federationKey: string,
		federation: StoredFederation,
		verdicts: readonly AliasVerdict[],
		seen: FederationObservation,
		log: Logger,
		signal: AbortSignal,
	): Promise<void> {
		const warnings = roomWarnings(federation.spec);
		for (const verdict of verdicts) {
			const standing: AliasObservation["standing"] =
				"problems" in verdict
					? { kind: "Refused", problems: verdict.problems }
					: {
							kind: "Accepted",
							warnings,
							seen,
							alias: seen.intent?.aliases?.find(({ name }) => name === verdict.name),
						};
			await this.#write(federationKey, verdict.object, standing, log, signal);
		}
	}

	/** There is no such federation. */
	async writeNotFound(federationKey: string, log: Logger, signal: AbortSignal): Promise<void> {
		for (const alias of this.#aliases.of(federationKey)) {
			await this.#write(federationKey, alias, { kind: "FederationNotFound" }, log, signal);
		}
	}

	async #write(
		federationKey: string,
		alias: Observed,
		standing: AliasObservation["standing"],
		log: Logger,
		signal: AbortSignal,
	): Promise<void> {
		const [, federation = ""] = federationKey.split("/");
		// Not the caller's object: an earlier write of the same reconcile may have changed it.
		const now = this.#target.store.get(keyOf(alias)) ?? alias;
		const previous = chatNodeAliasStatus.safeParse("status" in now ? now.status : undefined).data ?? {};
		const { generation = 0 } = alias.metadata;
		const status = aliasStatus({ generation, federation, standing }, previous, this.#now());
		await writeStatus(this.#target, alias, status, previous, log.child({ alias: alias.metadata.name }), signal);
	}
}
