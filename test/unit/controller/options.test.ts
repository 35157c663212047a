import { describe, expect, test } from "vitest";
import { parseOptions } from "../../../src/controller/options.ts";

const needed = ["--gateway-image=registry.example/gateway:1", "--leader-election-namespace=system"];
const parse = (args: readonly string[] = [], environment: NodeJS.ProcessEnv = {}) =>
	parseOptions([...needed, ...args], environment);

describe("the operator's own pods", () => {
	test("are unknown outside a cluster", () => {
		expect(parse().operatorPods).toBeUndefined();
	});
	test("are those of the installation's labels in its namespace", () => {
		expect(parse([], { POD_NAMESPACE: "system" }).operatorPods).toEqual({
			namespace: "system",
			labels: {
				"app.kubernetes.io/name": "xmpp-federation-operator",
				"app.kubernetes.io/component": "operator",
			},
		});
	});
	test("have other labels where these are given", () => {
		const { operatorPods } = parse(["--pod-labels=app=operator,tier="], { POD_NAMESPACE: "system" });
		expect(operatorPods?.labels).toEqual({ app: "operator", tier: "" });
	});
	test.each(["", "app", "=x", "a=b,"])("%j are no labels", (labels) => {
		expect(() => parse([`--pod-labels=${labels}`])).toThrow("--pod-labels must be labels such as app=operator");
	});
});

test.each([
	["--http-port=65536", "--http-port must be a whole number from 0 to 65535"],
	["--concurrency=0", "--concurrency must be a whole number from 1 to 64"],
	["--log-level=loud", "--log-level must be one of fatal"],
])("%s is refused", (argument, message) => {
	expect(() => parse([argument])).toThrow(message);
});
