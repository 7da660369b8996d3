// Two services on the official Node SDK and express: what they send is compared by golden.py. Each is a process of its own,
// for the SDK has one service name in a process.
'use strict';

const { fork } = require('child_process');
const http = require('http');
const AWSXRay = require('aws-xray-sdk');
const express = require('express');

AWSXRay.captureHTTPsGlobal(http);

function serve(name, routes) {
  const app = express();
  app.use(AWSXRay.express.openSegment(name));
  routes(app);
  app.use(AWSXRay.express.closeSegment());
  return new Promise((resolve) => {
    const server = app.listen(0, '127.0.0.1', () => resolve(server));
  });
}

function get(port, path) {
  return new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port, path }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    }).on('error', reject);
  });
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 20));

async function serveStock() {
  const stock = await serve('node-stock', (app) => {
    app.get('/items', (request, response) => response.json([1, 2]));
  });
  process.send(stock.address().port);
}

async function main() {
  const stock = fork(__filename, ['stock']);
  const stockPort = await new Promise((resolve) => stock.once('message', resolve));
  const shop = await serve('node-shop', (app) => {
    app.get('/orders', async (request, response) => {
      AWSXRay.getSegment().addAnnotation('tier', 'gold');
      await get(stockPort, '/items');
      response.json('ok');
    });
    app.get('/broken', (request, response) => {
      AWSXRay.captureFunc('charge', (subsegment) => {
        subsegment.addError(new Error('card refused'));
        subsegment.addFaultFlag();
      });
      response.status(503).end();
    });
  });
  // The requests of this program itself belong to no segment.
  AWSXRay.setContextMissingStrategy('IGNORE_ERROR');
  const port = shop.address().port;
  const statuses = [];
  for (const path of ['/orders', '/broken', '/nothing']) {
    statuses.push(await get(port, path));
    await pause();
  }
  stock.kill();
  shop.close();
  if (statuses.join() !== '200,503,404') throw new Error(`answers: ${statuses}`);
}

if (process.argv[2] === 'stock') {
  serveStock();
} else {
  main().then(() => process.exit(0), (error) => {
    console.error(error);
    process.exit(1);
  });
}
