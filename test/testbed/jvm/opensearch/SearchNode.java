import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.transport.Netty4Plugin;

/**
 * One OpenSearch node on loopback: arguments are the directory that holds its
 * data and settings as key=value. It runs the engine's own Node without the
 * bootstrap around it, so that root may start it and the limits of the
 * machine are left alone. SIGTERM closes it in order.
 */
public final class SearchNode extends Node {
  private SearchNode(Environment environment) {
    super(environment, List.of(Netty4Plugin.class), false);
  }

  public static void main(String[] args) throws Exception {
    Path home = Path.of(args[0]).toAbsolutePath();
    Map<String, String> settings = new HashMap<>();
    settings.put("path.home", home.toString());
    settings.put("path.data", home.resolve("data").toString());
    settings.put("path.logs", home.resolve("logs").toString());
    settings.put("cluster.name", "testbed");
    settings.put("node.name", "testbed");
    settings.put("discovery.type", "single-node");
    settings.put("http.type", "netty4");
    settings.put("http.host", "127.0.0.1");
    settings.put("transport.type", "netty4");
    settings.put("transport.host", "127.0.0.1");
    settings.put("transport.port", "0");
    settings.put("cluster.routing.allocation.disk.threshold_enabled", "false");
    for (int i = 1; i < args.length; i++) {
      String[] pair = args[i].split("=", 2);
      settings.put(pair[0], pair[1]);
    }
    SearchNode node =
        new SearchNode(
            InternalSettingsPreparer.prepareEnvironment(Settings.EMPTY, settings, null, () -> "testbed"));
    CountDownLatch ended = new CountDownLatch(1);
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  try {
                    node.close();
                  } catch (Exception e) {
                    e.printStackTrace();
                  }
                  ended.countDown();
                }));
    node.start();
    System.out.println("started");
    ended.await();
  }
}
