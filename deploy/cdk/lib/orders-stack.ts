import { Duration, Stack, StackProps } from "aws-cdk-lib";
import { LambdaRestApi } from "aws-cdk-lib/aws-apigateway";
import { Alarm, MathExpression, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import { Architecture, Code, Function, LoggingFormat, Runtime, Tracing } from "aws-cdk-lib/aws-lambda";
import { Construct } from "constructs";

export interface OrdersProps extends StackProps {
  /** Folder with the function's `bootstrap`. */
  readonly bootstrap: string;
}

export class OrdersStack extends Stack {
  constructor(scope: Construct, id: string, props: OrdersProps) {
    super(scope, id, props);

    const orders = new Function(this, "Function", {
      runtime: Runtime.PROVIDED_AL2023,
      architecture: Architecture.ARM_64,
      handler: "bootstrap",
      code: Code.fromAsset(props.bootstrap),
      memorySize: 128,
      timeout: Duration.seconds(10),
      // The platform decides about each invocation, and the function may send segments.
      tracing: Tracing.ACTIVE,
      loggingFormat: LoggingFormat.JSON,
      environment: { POWERTOOLS_SERVICE_NAME: "orders" },
    });

    // The stage is the first node of the map, and the header it sends joins the function's segment to it.
    const api = new LambdaRestApi(this, "Api", { handler: orders, deployOptions: { tracingEnabled: true } });

    const period = Duration.minutes(5);
    new Alarm(this, "Faults", {
      alarmDescription: 'Why: the filter service("orders") { fault } over the last 15 minutes',
      metric: new MathExpression({
        expression: "IF(calls >= 20, faults / calls, 0)",
        usingMetrics: { faults: api.metricServerError({ period }), calls: api.metricCount({ period }) },
        period,
      }),
      threshold: 0.05,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }
}
