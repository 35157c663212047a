import { federation, withInternalService, withService } from "./builders.ts";
import type { InvalidCase } from "./cases.ts";
import { hostileTexts, longestAnnotation } from "./hostile-texts.ts";
import { invalid, notAHostName, notAKey, notALabelValue, notANetwork, notOf, notOneOf, tooLong } from "./refusals.ts";

/** Wrong in spec.service. */
export const invalidServices: readonly InvalidCase[] = [
	invalid("service: text", federation({ service: "LoadBalancer" }), "spec.service", notOf("object")),
	invalid("service: type", withService({ type: "ExternalName" }), "spec.service.type", notOneOf),
	invalid("service: hostname is IPv4", withService({ hostname: "192.0.2.1" }), "spec.service.hostname", notAHostName),
	invalid("service: hostname is IPv6", withService({ hostname: "2001:db8::1" }), "spec.service.hostname", notAHostName),
	invalid(
		"service: annotations are a list",
		withService({ annotations: [] }),
		"spec.service.annotations",
		notOf("record", "object"),
	),
	invalid("service: annotation key", withService({ annotations: { "": "x" } }), "spec.service.annotations", notAKey),
	invalid(
		"service: annotation of 16,385 longestAnnotation",
		withService({ annotations: { a: `${longestAnnotation}🙂` } }),
		"spec.service.annotations.a",
		tooLong(16_384, 0),
	),
	invalid(
		"service: annotation of the operator",
		withService({ annotations: { "xmppfed.dev/applied": "x" } }),
		"spec.service.annotations",
		"are set by the operator",
	),
	invalid("service: label value", withService({ labels: { a: "x/y" } }), "spec.service.labels.a", notALabelValue),
	invalid(
		"service: label key",
		withService({ labels: { [hostileTexts[2] ?? ""]: "x" } }),
		"spec.service.labels",
		notAKey,
	),
	...["xmppfed.dev/federation", "app.kubernetes.io/managed-by"].map((key) =>
		invalid(
			`service: label ${key}`,
			withService({ labels: { [key]: "x" } }),
			"spec.service.labels",
			"are set by the operator",
		),
	),
	invalid("service: class", withService({ loadBalancerClass: "a/b/c" }), "spec.service.loadBalancerClass", notAKey),
	...["NodePort", "ClusterIP"].flatMap((type) => [
		invalid(
			`service: class with ${type}`,
			withService({ type, loadBalancerClass: "a" }),
			"spec.service.loadBalancerClass",
			"with type: LoadBalancer only",
		),
		invalid(
			`service: ranges with ${type}`,
			withService({ type, sourceRanges: ["10.0.0.0/8"] }),
			"spec.service.sourceRanges",
			"with type: LoadBalancer only",
		),
	]),
	invalid(
		"service: traffic policy with ClusterIP",
		withService({ type: "ClusterIP", externalTrafficPolicy: "Local" }),
		"spec.service.externalTrafficPolicy",
		"leave externalTrafficPolicy out",
	),
	invalid(
		"service: traffic policy",
		withService({ externalTrafficPolicy: "local" }),
		"spec.service.externalTrafficPolicy",
		notOneOf,
	),
	invalid("service: families", withService({ ipFamilyPolicy: "DualStack" }), "spec.service.ipFamilyPolicy", notOneOf),
	...[
		"10.0.0.0",
		"10.0.0.1/8",
		"10.0.0.0/33",
		"10.0.0.0/08",
		"10.0.0/8",
		"2001:db8::1/64",
		"::/129",
		"::ffff:10.0.0.0/104",
		"/8",
		"a/8",
		"10.0.0.0/8/8",
	].map((range) =>
		invalid(
			`service: range ${range}`,
			withService({ sourceRanges: [range] }),
			"spec.service.sourceRanges[0]",
			notANetwork,
		),
	),
	invalid(
		"service: range twice",
		withService({ sourceRanges: ["10.0.0.0/8", "10.0.0.0/8"] }),
		"spec.service.sourceRanges[1]",
		{ zod: "stands here a second time", apiserver: "Duplicate value" },
	),
	invalid(
		"internal service: text",
		federation({ internalService: "LoadBalancer" }),
		"spec.internalService",
		notOf("object"),
	),
	invalid(
		"internal service: NodePort",
		withInternalService({ type: "NodePort" }),
		"spec.internalService.type",
		notOneOf,
	),
	invalid(
		"internal service: annotation of the operator",
		withInternalService({ annotations: { "xmppfed.dev/applied": "x" } }),
		"spec.internalService.annotations",
		"are set by the operator",
	),
	invalid(
		"internal service: range",
		withInternalService({ type: "LoadBalancer", sourceRanges: ["10.0.0.1/8"] }),
		"spec.internalService.sourceRanges[0]",
		notANetwork,
	),
	...[{}, { type: "ClusterIP" }].map((type) =>
		invalid(
			`internal service: ranges with ${JSON.stringify(type)}`,
			withInternalService({ ...type, sourceRanges: ["10.0.0.0/8"] }),
			"spec.internalService.sourceRanges",
			"with type: LoadBalancer only",
		),
	),
];
