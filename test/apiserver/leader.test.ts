import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { LeaderElection, type LeaderTiming, NotLeadingError } from "../../src/kubernetes/leader.ts";
import { configMaps, leases } from "../../src/kubernetes/resources.ts";
import { startProxy } from "./proxy.ts";
import { eventually, freshNamespace, recordingLog, testClient } from "./support.ts";

const timing: LeaderTiming = { leaseDuration: 3000, renewDeadline: 1500, retryPeriod: 200 };

interface Period {
	readonly who: string;
	readonly from: number;
	to: number | undefined;
}

/** A candidate that notes when it acts: at most every 20 ms, and only where it may. */
function candidate(client: KubernetesClient, namespace: string, who: string, periods: Period[]) {
	const election = new LeaderElection({
		client,
		log: recordingLog().log,
		namespace,
		name: "operator",
		identity: who,
		timing,
	});
	const stop = new AbortController();
	const running = election.run(stop.signal, async (lost) => {
		const period: Period = { who, from: performance.now(), to: undefined };
		periods.push(period);
		try {
			while (!lost.aborted && !stop.signal.aborted) {
				election.assertLeading();
				await sleep(20);
			}
		} finally {
			period.to = performance.now();
		}
	});
	onTestFinished(async () => {
		stop.abort();
		await running;
	});
	return { election, running, stop: () => stop.abort() };
}

test("of two candidates one leads; on a graceful stop the other follows at once", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const periods: Period[] = [];
	const a = candidate(client, namespace, "a", periods);
	await eventually(() => a.election.isLeading, "a to lead");
	const b = candidate(client, namespace, "b", periods);
	await sleep(timing.leaseDuration + 500);
	expect(b.election.isLeading).toBe(false);
	expect(periods.map(({ who }) => who)).toEqual(["a"]);

	a.stop();
	await a.running;
	expect(a.election.isLeading).toBe(false);
	const stopped = performance.now();
	await eventually(() => b.election.isLeading, "b to lead");
	// Far less than the lease: it was given back.
	expect(performance.now() - stopped).toBeLessThan(timing.leaseDuration / 2);
	expect(periods[1]?.from).toBeGreaterThan(periods[0]?.to ?? Number.POSITIVE_INFINITY);
	const lease = await client.get(leases, namespace, "operator");
	expect(lease?.spec).toMatchObject({ holderIdentity: "b", leaseDurationSeconds: 3, leaseTransitions: 1 });
});

test("a leader that is cut off stops acting before another begins, and comes back as a candidate", async () => {
	const admin = testClient();
	const namespace = await freshNamespace(admin);
	const periods: Period[] = [];
	const proxy = await startProxy();
	const a = candidate(testClient({}, proxy.kubeconfig), namespace, "a", periods);
	await eventually(() => a.election.isLeading, "a to lead");
	const b = candidate(testClient(), namespace, "b", periods);
	proxy.freeze();
	await eventually(() => b.election.isLeading, "b to lead");
	const [first, second] = periods;
	expect([first?.who, second?.who]).toEqual(["a", "b"]);
	expect(a.election.isLeading).toBe(false);
	expect(() => a.election.assertLeading()).toThrow(NotLeadingError);
	expect(first?.to).toBeLessThan(second?.from ?? 0);

	proxy.thaw();
	await sleep(timing.leaseDuration);
	expect(b.election.isLeading).toBe(true);
	b.stop();
	await eventually(() => a.election.isLeading, "a to lead again");
	expect(periods.map(({ who }) => who)).toEqual(["a", "b", "a"]);
}, 60_000);

test("a leader whose lease somebody took stops at its next renewal", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const periods: Period[] = [];
	const a = candidate(client, namespace, "a", periods);
	await eventually(() => a.election.isLeading, "a to lead");
	await client.mergePatch(leases, namespace, "operator", { spec: { holderIdentity: "thief" } });
	await eventually(() => periods[0]?.to, "a to stop");
	expect(a.election.isLeading).toBe(false);
});

test("the wait for the lease ends with the signal", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const periods: Period[] = [];
	const a = candidate(client, namespace, "a", periods);
	await eventually(() => a.election.isLeading, "a to lead");
	const b = candidate(client, namespace, "b", periods);
	await sleep(300);
	b.stop();
	await b.running;
	expect(periods).toHaveLength(1);
});

test("what the leader's work throws is thrown, after the lease was given back", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const { log } = recordingLog();
	const election = new LeaderElection({ client, log, namespace, name: "operator", identity: "a", timing });
	const running = election.run(new AbortController().signal, async () => {
		throw new Error("defect");
	});
	await expect(running).rejects.toThrow("defect");
	expect((await client.get(leases, namespace, "operator"))?.spec?.holderIdentity).toBe("");
});

test("a client that asks for leadership before each write sends none without it", async () => {
	const client = testClient();
	const namespace = await freshNamespace(client);
	const { log } = recordingLog();
	const election = new LeaderElection({ client, log, namespace, name: "operator", identity: "a", timing });
	const guarded = client.with({ beforeWrite: () => election.assertLeading() });
	const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace } };
	await expect(guarded.create(configMaps, object)).rejects.toThrow(NotLeadingError);
	await election.run(new AbortController().signal, async () => {
		await guarded.create(configMaps, object);
	});
	await expect(guarded.delete(configMaps, namespace, "a")).rejects.toThrow(NotLeadingError);
	expect(await client.get(configMaps, namespace, "a")).toBeDefined();
});

test("timing that would allow two leaders is refused", () => {
	const { log } = recordingLog();
	const options = { client: testClient(), log, namespace: "x", name: "x", identity: "a" };
	expect(() => new LeaderElection({ ...options, timing: { ...timing, renewDeadline: 3000 } })).toThrow(
		/must be shorter/,
	);
});
