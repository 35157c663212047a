import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { z } from "zod";
import { ensurePackages } from "../../../deploy/lib/packages.ts";
import { alertsFile } from "../../lib/alerts.ts";
import { freePort } from "../../lib/free-port.ts";
import { waitFor } from "../../lib/xmpp/wait.ts";

/** A process that has metrics, with the labels that Prometheus gives to what it says. */
export interface Target {
	/** `HOST:PORT` */
	readonly address: string;
	readonly labels: Readonly<Record<string, string>>;
	/** Its own labels go before those. */
	readonly honorLabels: boolean;
}

const answer = <T extends z.ZodType>(data: T) => z.object({ status: z.literal("success"), data });
const targets = answer(
	z.object({ activeTargets: z.array(z.object({ scrapeUrl: z.string(), health: z.string(), lastError: z.string() })) }),
);
const rules = answer(
	z.object({
		groups: z.array(
			z.object({
				rules: z.array(
					z.object({ name: z.string(), state: z.string(), health: z.string(), lastError: z.string().optional() }),
				),
			}),
		),
	}),
);
const query = answer(z.object({ result: z.array(z.looseObject({ metric: z.record(z.string(), z.string()) })) }));

/** A real Prometheus with the alerts of the chart, which reads and evaluates once in two seconds. */
export class Prometheus implements AsyncDisposable {
	readonly #url: string;
	readonly #stop: () => Promise<void>;

	static async start(read: readonly Target[]): Promise<Prometheus> {
		await ensurePackages(["prometheus"]);
		const directory = await mkdtemp(join(tmpdir(), "xmppfed-prometheus-"));
		const port = await freePort();
		const configuration = {
			global: { scrape_interval: "2s", evaluation_interval: "2s" },
			rule_files: [alertsFile],
			scrape_configs: read.map(({ address, labels, honorLabels }, index) => ({
				job_name: `target-${index}`,
				honor_labels: honorLabels,
				static_configs: [{ targets: [address], labels }],
			})),
		};
		const file = join(directory, "prometheus.yml");
		await writeFile(file, stringify(configuration));
		const child = spawn(
			"setpriv",
			[
				"--pdeathsig",
				"KILL",
				"--",
				"prometheus",
				`--config.file=${file}`,
				`--storage.tsdb.path=${join(directory, "data")}`,
				`--web.listen-address=127.0.0.1:${port}`,
				"--log.level=error",
			],
			{ stdio: ["ignore", "inherit", "inherit"] },
		);
		const ended = once(child, "exit");
		const prometheus = new Prometheus(`http://127.0.0.1:${port}`, async () => {
			child.kill("SIGTERM");
			await ended;
			await rm(directory, { recursive: true });
		});
		await waitFor("Prometheus", async () => (await fetch(`${prometheus.#url}/-/ready`)).ok || undefined, {
			timeout: 60_000,
		});
		return prometheus;
	}

	private constructor(url: string, stop: () => Promise<void>) {
		this.#url = url;
		this.#stop = stop;
	}

	/** Of each target what is wrong with reading it; empty texts where nothing is. */
	async targets(): Promise<readonly { readonly health: string; readonly lastError: string }[]> {
		const { activeTargets } = targets.parse(await this.#get("targets")).data;
		return activeTargets.map(({ health, lastError }) => ({ health, lastError }));
	}

	/** Every alert of the file: whether it can be evaluated, and whether it fires. */
	async alerts() {
		return rules.parse(await this.#get("rules")).data.groups.flatMap((group) => group.rules);
	}

	/** Labels of what an expression gives now. @throws {Error} where Prometheus does not take it */
	async query(expression: string): Promise<readonly Readonly<Record<string, string>>[]> {
		const found = await this.#get(`query?query=${encodeURIComponent(expression)}`);
		return query.parse(found).data.result.map(({ metric }) => metric);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#stop();
	}

	async #get(path: string): Promise<unknown> {
		return await (await fetch(`${this.#url}/api/v1/${path}`)).json();
	}
}
