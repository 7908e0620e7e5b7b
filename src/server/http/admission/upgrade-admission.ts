import type { UpgradeListener } from "../node-listeners.js";
import type { CallAdmission } from "./call-admission.js";

/** Upgrades connections in their turns: if a thousand come at once, a few at a time. */
export function createUpgradeListener(
  upgrade: UpgradeListener,
  admission: CallAdmission,
): UpgradeListener {
  return (request, socket, head) => {
    // Node has released the socket, and no other code uses it yet.
    const onError = () => socket.destroy();
    socket.on("error", onError);
    admission.upgrade({
      connection: socket,
      remoteAddress: request.socket.remoteAddress,
      headers: request.headers,
      begin() {
        socket.off("error", onError);
        if (socket.destroyed) {
          return false;
        }
        upgrade(request, socket, head);
        return true;
      },
    });
  };
}
