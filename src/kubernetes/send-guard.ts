import type { Dispatcher } from "undici";

/** Asks `check` in the moment in which a request is written to its connection; what that throws keeps it from going. */
export class SendGuard {
	readonly dispatcher: Dispatcher;
	/** What `check` has thrown. */
	refusal: unknown;

	constructor(dispatcher: Dispatcher, check: () => void) {
		this.dispatcher = dispatcher.compose((dispatch) => (options, handler) => {
			// The handler is this request's alone.
			const start = handler.onRequestStart?.bind(handler);
			handler.onRequestStart = (controller, context: unknown) => {
				try {
					check();
				} catch (error) {
					this.refusal = error;
					throw error;
				}
				start?.(controller, context);
			};
			return dispatch(options, handler);
		});
	}
}
