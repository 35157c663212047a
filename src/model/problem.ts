/** The closed list of them; what each means for a reader stands in the guide. */
export const problemReasons = [
	"InvalidSpec",
	"SecretNotFound",
	"SecretInvalid",
	"CertManagerMissing",
	"CertificateNotIssued",
	"ExternalDNSMissing",
	"ConfigMapInvalid",
	"AuthorityExpired",
	"ConfigMapNotFound",
	"EmailAddressesInvalid",
	"EmailAddressesUnavailable",
	"InvalidExceptions",
	"TooManyExceptions",
	"InvalidAnnotation",
	"ObjectConflict",
	"Forbidden",
	"ApplyFailed",
	"DoubtfulSecurity",
	"PlatformLimited",
	"RoomsLimited",
	"Conflicted",
	"NodeNotFound",
	"NodeDisabled",
	"TooManyAliases",
] as const;

/**
 * One thing that is wrong with a resource: said in a condition, an Event and a log line.
 * `reason` is CamelCase and part of the API; `message` says what is wrong and what would be right.
 */
export interface Problem {
	readonly reason: (typeof problemReasons)[number];
	/** Path in the resource, for example `spec.security.certificate.secretName`. Empty where no field is to blame. */
	readonly field: string;
	readonly message: string;
}

export function describeProblems(problems: readonly Problem[]): string {
	return strung(problems.map(({ field, message }) => (field ? `${field}: ${message}` : message)));
}

/** Texts in one line: after one that ends as a sentence the next begins, others are set apart by semicolons. */
export function strung(texts: readonly string[]): string {
	return texts.reduce((line, text) => `${line}${/[.!?]$/.test(line) ? " " : "; "}${text}`);
}
