import { App } from "aws-cdk-lib";
import { OrdersStack } from "../lib/orders-stack";

const app = new App({ outdir: process.env.CDK_OUTDIR });
// The folder that `cargo lambda build --release --arm64` fills.
const bootstrap = process.env.ORDERS_BOOTSTRAP ?? "../../target/lambda/lambda-http";
new OrdersStack(app, "Orders", { bootstrap });
app.synth();
