// Segment's Node SDK sends one of each call to the host and write key it is given.
import { Analytics } from "@segment/analytics-node";

const [host, writeKey] = process.argv.slice(2);
const analytics = new Analytics({ writeKey, host, path: "/v1/batch", maxEventsInBatch: 10 });
analytics.on("error", (error) => { console.error(error); process.exitCode = 1; });
analytics.identify({ userId: "node-1", traits: { plan: "isa", email: "node-1@example.com" } });
analytics.track({ userId: "node-1", event: "Dashboard Viewed", properties: { from: "segment-node" } });
analytics.page({ userId: "node-1", name: "Home" });
analytics.group({ userId: "node-1", groupId: "household-1" });
analytics.alias({ userId: "node-1", previousId: "node-device" });
await analytics.closeAndFlush();
