import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { ChatterService } from "../../../gen/chatter_pb.js";
import { ServerReflection } from "../../../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionAlpha } from "../../../gen/grpc/reflection/v1alpha/reflection_pb.js";
import { Health } from "../../../gen/health/v1/health_pb.js";
import { LogService } from "../../../gen/log_pb.js";
import type { FullScope } from "../../auth/scopes.js";
import { needsCaller } from "./errors.js";

/**
 * Which tokens the methods of mounted services need. A method that is not listed needs a token of
 * any scope; of what is said about one method, the last counts.
 */
export interface RouteAccess {
  /**
   * Anyone may call these methods, or all methods of these services, without a token. Throws a
   * TypeError for those of Chatter that need to know their caller.
   */
  open(...of: readonly (DescMethod | DescService)[]): void;
  /** These methods, or all methods of these services, need a token with this scope for any room. */
  require(scope: FullScope, ...of: readonly (DescMethod | DescService)[]): void;
}

const ownServices: ReadonlySet<DescService> = new Set<DescService>([
  ChatterService,
  LogService,
  Health,
  ServerReflection,
  ServerReflectionAlpha,
]);

/** Whether a method is not one of Chatter's own. */
export function isMounted({ parent }: DescMethod): boolean {
  return !ownServices.has(parent);
}

/** The requirements of each method: Chatter's own, and mounted ones. */
export class MethodAccess implements RouteAccess {
  /** A scope is for any room: the request names the room. */
  readonly #needs = new Map<DescMethod, FullScope | "nothing">();
  /** Chatter's own methods that are not open. */
  readonly #closed: ReadonlySet<DescMethod>;

  constructor() {
    const { login, post, listener, summary, echoer, ...reading } = ChatterService.method;
    this.require("stream:write", post, listener, summary, echoer);
    this.require("stream:read", ...Object.values(reading), LogService);
    this.#closed = new Set(this.#needs.keys());
    this.open(login, Health, ServerReflection, ServerReflectionAlpha);
  }

  open(...of: readonly (DescMethod | DescService)[]): void {
    const closed = methodsOf(of).find((method) => this.#closed.has(method));
    if (closed !== undefined) {
      throw needsCaller({ method: `${closed.parent.typeName}/${closed.name}` });
    }
    this.#set("nothing", of);
  }

  require(scope: FullScope, ...of: readonly (DescMethod | DescService)[]): void {
    this.#set(scope, of);
  }

  /** Whether anyone may call a method, without a token. */
  isOpen(method: DescMethod): boolean {
    return this.#needs.get(method) === "nothing";
  }

  /** The scope that a method needs; undefined: a token of any scope, or none. */
  scopeOf(method: DescMethod): FullScope | undefined {
    const need = this.#needs.get(method);
    return need === "nothing" ? undefined : need;
  }

  #set(need: FullScope | "nothing", of: readonly (DescMethod | DescService)[]): void {
    for (const method of methodsOf(of)) {
      this.#needs.set(method, need);
    }
  }
}

function methodsOf(of: readonly (DescMethod | DescService)[]): DescMethod[] {
  return of.flatMap((each) => (each.kind === "service" ? each.methods : [each]));
}
