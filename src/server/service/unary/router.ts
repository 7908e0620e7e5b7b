import {
  type ConnectRouter,
  type ConnectRouterOptions,
  createConnectRouter,
  createMethodImplSpec,
  createServiceImplSpec,
  type MethodImplSpec,
} from "@connectrpc/connect";
import {
  type UniversalHandler,
  type UniversalHandlerOptions,
  validateUniversalHandlerOptions,
} from "@connectrpc/connect/protocol";

/** A unary method as it was declared. */
export interface UnaryMethod extends Extract<MethodImplSpec, { kind: "unary" }> {
  /** The method's own options, and the router's for those that it does not set. */
  readonly options: UniversalHandlerOptions;
}

/** Connect's router, which also remembers the options of its unary methods. */
export interface ServiceRouter extends ConnectRouter {
  /** Undefined: the method is not unary, or has options that only Connect supports. */
  unaryMethodOf(handler: UniversalHandler): UnaryMethod | undefined;
}

export function createServiceRouter(routerOptions: ConnectRouterOptions): ServiceRouter {
  const { handlers, ...connect } = createConnectRouter(routerOptions);
  const unaryMethods = new Map<UniversalHandler, UnaryMethod>();

  function remember(specs: readonly MethodImplSpec[], own: ConnectRouterOptions = {}): void {
    const { connect, grpc, grpcWeb, requireConnectProtocolHeader, shutdownSignal } = own;
    const isForConnect =
      [connect, grpc, grpcWeb].includes(false) || requireConnectProtocolHeader || shutdownSignal;
    const options = { ...validateUniversalHandlerOptions(routerOptions), ...own };
    const added = handlers.slice(handlers.length - specs.length);
    for (const [at, spec] of specs.entries()) {
      if (spec.kind === "unary" && !isForConnect) {
        unaryMethods.set(added[at]!, { ...spec, options });
      }
    }
  }

  const router: ServiceRouter = {
    handlers,
    service(service, implementation, options) {
      connect.service(service, implementation, options);
      remember(Object.values(createServiceImplSpec(service, implementation).methods), options);
      return router;
    },
    rpc(method, implementation, options) {
      connect.rpc(method, implementation, options);
      remember([createMethodImplSpec(method, implementation)], options);
      return router;
    },
    unaryMethodOf: (handler) => unaryMethods.get(handler),
  };
  return router;
}
